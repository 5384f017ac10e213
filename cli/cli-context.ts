/** What commands see of the world: its streams and places, so that tests can give others. */
import { fstatSync } from 'node:fs';
import pc from 'picocolors';
import { RUN_DIR } from './run-dir.ts';

export interface CliContext {
  readonly stdin: AsyncIterable<Uint8Array | string>;
  /** Writes to stdout; the text ends its own lines. */
  write(text: string): void;
  /** Writes to stderr; the text ends its own lines. */
  writeError(text: string): void;
  /** Whether stdout takes colours. */
  readonly colors: boolean;
  /** Whether stderr is a terminal. */
  readonly stderrIsTerminal: boolean;
  /** Whether stdout is a file that others than its owner can read. */
  readonly stdoutIsOpenFile: boolean;
  /** Directory of the configs. */
  readonly configDir: string;
  /** Directory of the admin sockets. */
  readonly runDir: string;
}

/** The real ones. */
export function processContext(): CliContext {
  return {
    stdin: process.stdin,
    write: (text) => void process.stdout.write(text),
    writeError: (text) => void process.stderr.write(text),
    colors: process.stdout.isTTY === true && pc.isColorSupported,
    stderrIsTerminal: process.stderr.isTTY === true,
    stdoutIsOpenFile: isOpenFile(1),
    configDir: '/etc/icx',
    runDir: RUN_DIR,
  };
}

function isOpenFile(descriptor: number): boolean {
  try {
    const stat = fstatSync(descriptor);
    return stat.isFile() && (stat.mode & 0o044) !== 0;
  } catch {
    return false;
  }
}
