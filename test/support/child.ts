/** Helper processes in a host: read by lines, ended by closing their standard input. */
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Namespace } from './netns.ts';

const PATIENCE_MS = 20_000;

export class LineProcess {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #what: string;
  #complaint = '';

  /** Starts `node ARGV…` in the host. */
  constructor(host: Namespace, argv: readonly string[]) {
    this.#what = argv.join(' ');
    this.#child = host.spawn([process.execPath, ...argv]);
    const { stdin, stdout, stderr } = this.#child;
    if (stdout === null) throw new TypeError('stdout must be a pipe');
    this.#lines = createInterface({ input: stdout })[Symbol.asyncIterator]();
    stdin?.on('error', () => {});
    stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#complaint = (this.#complaint + text).slice(-1_000);
    });
  }

  /** The next line of output. @throws {Error} when the process ends, or says nothing for 20 s. */
  async line(patienceMs = PATIENCE_MS): Promise<string> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`${this.#what}: silent for ${patienceMs} ms`)), patienceMs);
    });
    const next = await Promise.race([this.#lines.next(), late]).finally(() => clearTimeout(timer));
    if (next.done === true) throw new Error(`${this.#what}: ended early: ${this.#complaint}`);
    return next.value;
  }

  /** The next line of output, parsed; the caller names its shape. */
  async json<T>(patienceMs = PATIENCE_MS): Promise<T> {
    return JSON.parse(await this.line(patienceMs)) as T;
  }

  /** A line for its standard input. */
  write(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  /** Closes standard input, the sign to finish. */
  finish(): void {
    this.#child.stdin?.end();
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }
}
