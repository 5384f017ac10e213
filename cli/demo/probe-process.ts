/** Runs `icx demo-probe` in a host and reads what it prints. */
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import type { DemoLab, HostName } from './lab.ts';

const PATIENCE_MS = 15_000;

/** One running probe. */
export class ProbeProcess {
  readonly #child: ChildProcess;
  readonly #what: string;
  readonly #lines: AsyncIterator<string>;
  #complaint = '';

  /** @param args Of `demo-probe`. */
  constructor(lab: DemoLab, main: string, host: HostName, args: readonly string[]) {
    this.#what = args.join(' ');
    this.#child = lab.spawn(host, [process.execPath, main, 'demo-probe', ...args], ['pipe', 'pipe', 'pipe']);
    const { stdin, stdout, stderr } = this.#child;
    stdin?.on('error', () => {});
    stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#complaint = (this.#complaint + text).slice(-500);
    });
    if (stdout === null) throw new TypeError('a probe prints to a pipe');
    this.#lines = createInterface({ input: stdout })[Symbol.asyncIterator]();
  }

  /** Waits until a listening probe listens. */
  async ready(): Promise<void> {
    await this.#next(z.object({ ready: z.literal(true) }));
  }

  /** Tells a UDP probe to come to its end. */
  stop(): void {
    this.#child.stdin?.end();
  }

  /** @throws {Error} when the probe ends without the result. */
  result<T extends z.ZodType>(schema: T): Promise<z.output<T>> {
    return this.#next(schema);
  }

  async #next<T extends z.ZodType>(schema: T): Promise<z.output<T>> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () => reject(new Error(`${this.#what}: nothing for ${PATIENCE_MS / 1_000} s`)),
        PATIENCE_MS,
      );
    });
    const line = await Promise.race([this.#lines.next(), late]).finally(() => clearTimeout(timer));
    if (line.done === true)
      throw new Error(`${this.#what}: ${this.#complaint.trim() || 'ended without a result'}`);
    return schema.parse(JSON.parse(line.value));
  }
}
