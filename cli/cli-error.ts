/** How the program ends when a command can't do what it was asked. */

/** 0 done, 1 failed, 2 usage or config error. */
export const Exit = { done: 0, failed: 1, usage: 2 } as const;
export type Exit = (typeof Exit)[keyof typeof Exit];

/** A failure that an operator can understand: what was tried and what came, then what to do. */
export class CliError extends Error {
  readonly code: string;
  readonly hint: string;
  readonly exit: Exit;

  constructor(message: string, hint = '', exit: Exit = Exit.failed, code = 'ERR_ICX_CLI') {
    super(message);
    this.name = 'CliError';
    this.code = code;
    this.hint = hint;
    this.exit = exit;
  }
}

/** Ends the program with an exit code and nothing more to say: the command said it already. */
export class SilentExit extends Error {
  readonly exit: Exit;

  constructor(exit: Exit) {
    super('');
    this.name = 'SilentExit';
    this.exit = exit;
  }
}

/** Whether the error says by itself what an operator needs to know. */
function isOperational(error: Error): error is Error & { code: string; hint?: unknown } {
  return 'code' in error && typeof error.code === 'string';
}

/** What to print on stderr for an error: one plain line per problem, never a stack trace. */
export function errorLines(error: unknown): string[] {
  if (error instanceof SilentExit) return [];
  if (!(error instanceof Error)) return [`icx: ${String(error)}`];
  if (isOperational(error) && error.code === 'ERR_ICX_CONFIG') return error.message.split('\n');
  const hint = isOperational(error) && typeof error.hint === 'string' ? error.hint : '';
  const what = isOperational(error) ? error.message : `internal error: ${error.name}: ${error.message}`;
  return [`icx: ${lowerFirst(oneLine(what))}${hint === '' ? '' : `; ${oneLine(hint)}`}`];
}

export function exitCodeOf(error: unknown): Exit {
  if (error instanceof CliError || error instanceof SilentExit) return error.exit;
  const usage = error instanceof Error && isOperational(error) && USAGE_CODES.has(error.code);
  return usage ? Exit.usage : Exit.failed;
}

/** Of errors that come from an agent, which knows no exit codes. */
const USAGE_CODES: ReadonlySet<string> = new Set(['ERR_ICX_CONFIG', 'ERR_ICX_USAGE']);

/** Behind "icx: " a sentence goes on; names such as TUN keep their capitals. */
function lowerFirst(text: string): string {
  return text.replace(/^[A-Z](?=[a-z]* )/, (letter) => letter.toLowerCase());
}

function oneLine(text: string): string {
  return text.trim().replace(/\s*[\r\n]+\s*/g, ' ');
}
