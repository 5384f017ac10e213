/** Runs iproute2 and turns its failures into errors that say what was tried. */
import { type ExecFileException, execFile, execFileSync } from 'node:child_process';

export type Family = 4 | 6;

/** iproute2 refused; `message` says what was tried and what came, `hint` what to do. */
export class IpError extends Error {
  readonly code = 'ERR_ICX_IP';
  readonly hint: string;
  /** Commands of the batch that took effect before the one that failed. */
  readonly applied: number;

  constructor(command: string, came: string, applied = 0) {
    super(`Cannot run 'ip ${command}': ${came}`);
    this.name = 'IpError';
    this.hint = HINTS.find(([symptom]) => symptom.test(came))?.[1] ?? '';
    this.applied = applied;
  }
}

const NOT_FOUND = 'ip not found';
const HINTS: readonly (readonly [RegExp, string])[] = [
  [/^ip not found/, 'apt-get install iproute2'],
  [/Operation not permitted/, 'run as root, or with CAP_NET_ADMIN'],
  [/Permission denied/, 'IPv6 may be disabled here: sysctl net.ipv6.conf.all.disable_ipv6'],
  [/File exists/, 'something else on this host made the same: see ip address, ip route, ip rule'],
  [/Cannot find device/, 'the interface is not there (any more)'],
];

/** `ip` is in /usr/sbin, which an ordinary user's PATH may lack. */
function environment(): NodeJS.ProcessEnv {
  return { ...process.env, LC_ALL: 'C', PATH: `${process.env.PATH ?? ''}:/usr/sbin:/sbin:/usr/bin:/bin` };
}

const MAX_OUTPUT = 256 * 1024 * 1024;

/**
 * Runs one command.
 *
 * @param args As on the command line, without `ip`.
 * @returns Standard output.
 * @throws {IpError}
 */
export function ip(args: readonly string[]): Promise<string> {
  return run(args, '', (stderr) => new IpError(args.join(' '), stderr));
}

/** Whether there is an iproute2 at all. */
export function hasIp(): Promise<boolean> {
  return ip(['-V']).then(
    () => true,
    () => false,
  );
}

/**
 * Runs one command with `-json` and `-N` (numbers, not names).
 *
 * @returns What was parsed; an empty array where the command printed nothing.
 * @throws {IpError}
 */
export async function ipJson(args: readonly string[]): Promise<unknown> {
  const text = await ip(['-json', '-N', ...args]);
  return text.trim() === '' ? [] : JSON.parse(text);
}

/**
 * Asks many questions in one process: `ip` takes longer to start than to answer.
 *
 * @param commands Without `ip`, of any family; each prints one JSON document.
 * @returns An answer for each command; null where it failed.
 * @throws {IpError} when nothing could be asked at all.
 */
export async function ipJsonBatch(commands: readonly string[]): Promise<unknown[]> {
  if (commands.length === 0) return [];
  const input = `${commands.join('\n')}\n`;
  const { stdout, stderr } = await new Promise<{ stdout: string; stderr: string }>((resolve, reject) => {
    const args = ['-json', '-N', '-force', '-batch', '-'];
    const done = (error: ExecFileException | null, stdout: string, stderr: string) => {
      // With -force, 1 says that some failed; anything else, that none was tried.
      if (error === null || error.code === 1) resolve({ stdout, stderr });
      else reject(new IpError(commands[0] ?? '', cameOf(error, stderr)));
    };
    start(args, input, done);
  });
  const failed = new Set([...stderr.matchAll(/Command failed -:(\d+)/g)].map(([, line]) => Number(line)));
  const answers = stdout.split('\n').filter((line) => line.trim() !== '');
  return commands.map((_, index) => (failed.has(index + 1) ? null : JSON.parse(answers.shift() ?? 'null')));
}

/**
 * Runs commands in order in one process; ends at the first that fails.
 *
 * @param commands Without `ip`.
 * @throws {IpError} whose `applied` commands stay in effect.
 */
export async function ipBatch(commands: readonly string[], family: Family): Promise<void> {
  if (commands.length === 0) return;
  await run([`-${family}`, '-batch', '-'], `${commands.join('\n')}\n`, (stderr) => {
    const line = Number(/Command failed -:(\d+)/.exec(stderr)?.[1] ?? 1);
    return new IpError(commands[line - 1] ?? '', stderr.replace(/\s*Command failed.*/s, ''), line - 1);
  });
}

/**
 * Runs every command whatever the ones before did.
 *
 * @param commands Without `ip`.
 * @returns What came of each: the reason why it failed, or null.
 * @throws {IpError} when none could be tried.
 */
export async function ipBatchForced(commands: readonly string[], family: Family): Promise<(string | null)[]> {
  if (commands.length === 0) return [];
  const stderr = await new Promise<string>((resolve, reject) => {
    start([`-${family}`, '-force', '-batch', '-'], `${commands.join('\n')}\n`, (error, _, text) => {
      if (error === null || error.code === 1) resolve(text);
      else reject(new IpError(commands[0] ?? '', cameOf(error, text)));
    });
  });
  const failed = new Map(eachFailure(stderr).map(({ came, line }) => [line, came]));
  return commands.map((_, index) => failed.get(index + 1) ?? null);
}

/**
 * Runs every command whatever the ones before did, and waits for it: for exit handlers.
 *
 * @returns What went wrong, one line each, without what is already gone.
 */
export function ipBatchSync(commands: readonly string[], family: Family): string[] {
  if (commands.length === 0) return [];
  try {
    execFileSync('ip', [`-${family}`, '-force', '-batch', '-'], {
      input: `${commands.join('\n')}\n`,
      env: environment(),
      stdio: ['pipe', 'ignore', 'pipe'],
      maxBuffer: MAX_OUTPUT,
    });
    return [];
  } catch (error) {
    const { code, stderr } = error as { code?: string; stderr?: Buffer };
    if (code === 'ENOENT') return [NOT_FOUND];
    return failures(commands, stderr?.toString() ?? String(error));
  }
}

const ALREADY_GONE =
  /Cannot find device|No such process|No such file|Cannot assign requested address|[Aa]ddress not found/;

function failures(commands: readonly string[], stderr: string): string[] {
  return eachFailure(stderr)
    .filter(({ came }) => !ALREADY_GONE.test(came))
    .map(({ came, line }) => `ip ${commands[line - 1]}: ${came}`);
}

/** With -force, each failure prints its reason and then the number of its line. */
function eachFailure(stderr: string): { came: string; line: number }[] {
  return [...stderr.matchAll(/(.*?)\s*Command failed -:(\d+)/gs)].map(([, came = '', line]) => ({
    came: came.trim(),
    line: Number(line),
  }));
}

function run(args: readonly string[], input: string, fail: (came: string) => IpError): Promise<string> {
  return new Promise((resolve, reject) => {
    start(args, input, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else
        reject(
          error.code === 'ENOENT' ? new IpError(args.join(' '), NOT_FOUND) : fail(cameOf(error, stderr)),
        );
    });
  });
}

function cameOf(error: ExecFileException, stderr: string): string {
  return error.code === 'ENOENT' ? NOT_FOUND : stderr.trim() || error.message;
}

type Done = (error: ExecFileException | null, stdout: string, stderr: string) => void;

function start(args: readonly string[], input: string, done: Done): void {
  const child = execFile('ip', args, { env: environment(), maxBuffer: MAX_OUTPUT }, done);
  // A missing program or an early exit breaks the pipe; the callback has the reason.
  child.stdin?.on('error', () => {});
  child.stdin?.end(input);
}
