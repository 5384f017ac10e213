/** What is wrong with a config file, as data and as the lines an operator reads. */

/** One thing to put right. `line` is 1-based; 0 where the file as a whole is meant. */
export interface ConfigProblem {
  readonly line: number;
  readonly message: string;
  /** What to do; empty where the message says it. */
  readonly hint: string;
}

/** `FILE:LINE: message; hint`. */
export function formatProblem(file: string, problem: ConfigProblem): string {
  const place = problem.line > 0 ? `${file}:${problem.line}` : file;
  return `${place}: ${problem.message}${problem.hint === '' ? '' : `; ${problem.hint}`}`;
}

/** A config file can't be used; `message` has one line per problem, in the order of the file. */
export class ConfigError extends Error {
  readonly code = 'ERR_ICX_CONFIG';
  readonly file: string;
  readonly problems: readonly ConfigProblem[];

  constructor(file: string, problems: readonly ConfigProblem[]) {
    const sorted = [...problems].sort((a, b) => a.line - b.line);
    super(sorted.map((problem) => formatProblem(file, problem)).join('\n'));
    this.name = 'ConfigError';
    this.file = file;
    this.problems = sorted;
  }
}
