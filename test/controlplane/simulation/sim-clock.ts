/** Simulated time: timers go off in order, with all promises settled in between. */
import type { Clock, Timer } from '../../../controlplane/clock.ts';

interface Entry {
  readonly atMs: number;
  readonly order: number;
  readonly act: () => void;
}

export class SimClock implements Clock {
  #nowMs: number;
  #order = 0;
  #entries: Entry[] = [];

  constructor(startMs = 1_700_000_000_000) {
    this.#nowMs = startMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  get pending(): number {
    return this.#entries.length;
  }

  setTimer(delayMs: number, act: () => void): Timer {
    this.#order += 1;
    const entry = { atMs: this.#nowMs + Math.max(0, delayMs), order: this.#order, act };
    const after = this.#entries.findIndex(
      (other) => other.atMs > entry.atMs || (other.atMs === entry.atMs && other.order > entry.order),
    );
    if (after === -1) this.#entries.push(entry);
    else this.#entries.splice(after, 0, entry);
    return {
      cancel: () => {
        this.#entries = this.#entries.filter((other) => other !== entry);
      },
    };
  }

  async advance(byMs: number): Promise<void> {
    const untilMs = this.#nowMs + byMs;
    await settle();
    for (let next = this.#entries[0]; next !== undefined && next.atMs <= untilMs; next = this.#entries[0]) {
      this.#entries.shift();
      this.#nowMs = next.atMs;
      next.act();
      await settle();
    }
    this.#nowMs = untilMs;
  }

  /** Advances until something holds. @returns the time it took in ms. */
  async until(holds: () => boolean, limitMs = 60_000, stepMs = 5): Promise<number> {
    const startMs = this.#nowMs;
    while (!holds()) {
      if (this.#nowMs - startMs > limitMs) throw new Error(`nothing within ${limitMs} ms`);
      await this.advance(stepMs);
    }
    return this.#nowMs - startMs;
  }
}

/** One turn of the event loop: every promise that can settle has. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
