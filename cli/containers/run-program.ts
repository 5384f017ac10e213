/** Runs programs that change or show the network, and says what they refused. */
import { type ExecFileException, execFile } from 'node:child_process';
import { AttachCode } from '../../cni/attach-protocol.ts';
import { AttachError } from './attach-error.ts';

/** Packages by program. */
const PACKAGES: Readonly<Record<string, string>> = { ip: 'iproute2', nft: 'nftables', nsenter: 'util-linux' };
const MAX_OUTPUT_BYTES = 256 * 1024 * 1024;

export interface ProgramResult {
  readonly failed: boolean;
  /** Null where a signal ended it. */
  readonly exit: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** @throws {AttachError} when there is no such program; that it failed is in the result. */
export function runProgram(file: string, args: readonly string[], input = ''): Promise<ProgramResult> {
  return new Promise((resolve, reject) => {
    const done = (error: ExecFileException | null, stdout: string, stderr: string) => {
      if (error?.code === 'ENOENT') reject(missing(file));
      else resolve(resultOf(error, stdout, stderr));
    };
    const child = execFile(file, args, { env: environment(), maxBuffer: MAX_OUTPUT_BYTES }, done);
    // A missing program or an early exit breaks the pipe; the callback has the reason.
    child.stdin?.on('error', () => {});
    child.stdin?.end(input);
  });
}

/** Exit code of a shell that found no such program. */
const NOT_FOUND = 127;

/**
 * As `runProgram`, for programs that open their standard input by name: that works for pipes, but Node's
 * are sockets.
 */
export function runWithPipe(file: string, args: readonly string[], input: string): Promise<ProgramResult> {
  return runProgram('sh', ['-c', 'cat | "$0" "$@"', file, ...args], input).then((result) => {
    if (result.exit === NOT_FOUND) throw missing(file);
    return result;
  });
}

/** They are in /usr/sbin, which an ordinary user's PATH may lack. */
function environment(): NodeJS.ProcessEnv {
  return { ...process.env, LC_ALL: 'C', PATH: `${process.env.PATH ?? ''}:/usr/sbin:/sbin:/usr/bin:/bin` };
}

function resultOf(error: ExecFileException | null, stdout: string, stderr: string): ProgramResult {
  const exit = error === null ? 0 : typeof error.code === 'number' ? error.code : null;
  return { failed: error !== null, exit, stdout, stderr: stderr.trim() || (error?.message ?? '') };
}

function missing(file: string): AttachError {
  const hint = `apt-get install ${PACKAGES[file] ?? file}`;
  return new AttachError(AttachCode.kernel, `${file} is not installed on this host`, hint);
}
