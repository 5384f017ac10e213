/** Tells exactly when the first ping got through. */
import { dirname } from 'node:path';
import { LineProcess } from './child.ts';
import { MAIN, program } from './dist.ts';
import type { Namespace } from './netns.ts';

export class FirstPing {
  readonly #process: LineProcess;
  readonly #address: string;
  readonly #timeoutMs: number;

  private constructor(host: Namespace, address: string, timeoutMs: number) {
    const dist = dirname(dirname(MAIN));
    this.#process = new LineProcess(host, [program('first-ping.mjs'), dist, address, `${timeoutMs}`]);
    this.#address = address;
    this.#timeoutMs = timeoutMs;
  }

  /** Resolves when the first echo is on its way. */
  static async start(host: Namespace, address: string, timeoutMs = 15_000): Promise<FirstPing> {
    const first = new FirstPing(host, address, timeoutMs);
    await first.#process.line();
    return first;
  }

  /** Unix time in ms of the first answer. @throws {Error} when there was none. */
  async answeredAt(): Promise<number> {
    const answer = await this.#process.line(this.#timeoutMs + 5_000);
    if (answer === 'none') throw new Error(`no answer from ${this.#address} in ${this.#timeoutMs} ms`);
    return Number(answer);
  }
}
