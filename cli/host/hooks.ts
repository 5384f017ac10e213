/** Runs the operator's shell commands around bringing an interface up and down. */
import { spawn } from 'node:child_process';

export type HookStage = 'pre_up' | 'post_up' | 'pre_down' | 'post_down';

/** Where hooks' output and troubles go; pino's logger fits. */
export interface HookLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

/** A pre_up or post_up command failed; nothing after it ran. */
export class HookError extends Error {
  readonly code = 'ERR_ICX_HOOK';
  readonly hint: string;

  constructor(stage: HookStage, command: string, came: string) {
    super(`Cannot run ${stage} command '${command}': ${came}`);
    this.name = 'HookError';
    this.hint = `correct ${stage} in the config`;
  }
}

export interface HookOptions {
  /** Per command; then it is killed with all it started. */
  readonly timeoutMs?: number;
  /** Kills the command that runs and starts no other; it counts as failed. */
  readonly interrupt?: AbortSignal;
}

const TIMEOUT_MS = 30_000;
/** For output that is still in the pipe when the shell ends. */
const OUTPUT_GRACE_MS = 200;

/**
 * Runs commands one after the other by `/bin/sh -c`, with `%i` replaced by the interface's name.
 *
 * Going up, the first failure ends it; going down, failures are logged and the rest still runs.
 *
 * @throws {HookError} for pre_up and post_up only.
 */
export async function runHooks(
  stage: HookStage,
  commands: readonly string[],
  interfaceName: string,
  log: HookLog,
  { timeoutMs = TIMEOUT_MS, interrupt = new AbortController().signal }: HookOptions = {},
): Promise<void> {
  for (const template of commands) {
    const command = template.replaceAll('%i', interfaceName);
    const onLine = (line: string) => log.info({ hook: stage }, line);
    const failure = await runShell(command, { timeoutMs, interrupt }, onLine);
    if (failure === null) continue;
    const error = new HookError(stage, command, failure);
    if (stage === 'pre_up' || stage === 'post_up') throw error;
    log.warn({ hook: stage }, error.message);
  }
}

/** @returns null, or what went wrong. */
function runShell(
  command: string,
  { timeoutMs, interrupt }: Required<HookOptions>,
  onLine: (line: string) => void,
): Promise<string | null> {
  if (interrupt.aborted) return Promise.resolve('interrupted');
  return new Promise((resolve) => {
    // A process group of its own, so that a timeout reaches what the shell started.
    const child = spawn('/bin/sh', ['-c', command], { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      killGroup(child.pid);
    }, timeoutMs);
    const stop = () => killGroup(child.pid);
    interrupt.addEventListener('abort', stop);
    const flush = [child.stdout, child.stderr].map((stream) => splitLines(stream, onLine));
    const finish = (result: string | null) => {
      clearTimeout(timer);
      interrupt.removeEventListener('abort', stop);
      for (const end of flush) end();
      resolve(result);
    };
    child.on('error', (error) => finish(error.message));
    const judge = (code: number | null, signal: NodeJS.Signals | null) => {
      if (timedOut) finish(`still running after ${timeoutMs / 1000} s`);
      else if (interrupt.aborted && code !== 0) finish('interrupted');
      else if (signal !== null) finish(`ended by ${signal}`);
      else finish(code === 0 ? null : `exit status ${code}`);
    };
    child.on('close', judge);
    // What a hook leaves running in the background keeps its output open: don't wait for that.
    child.on('exit', (code, signal) => setTimeout(judge, OUTPUT_GRACE_MS, code, signal));
  });
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It ended in the meantime.
  }
}

/** @returns A function that delivers what is left and lets go of the stream. */
function splitLines(stream: NodeJS.ReadableStream, onLine: (line: string) => void): () => void {
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) onLine(line);
  });
  return () => {
    if (rest !== '') onLine(rest);
    rest = '';
    stream.removeAllListeners('data');
    (stream as Partial<{ destroy(): void }>).destroy?.();
  };
}
