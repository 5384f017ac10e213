/**
 * Does something at most once an interval: at once where the last time is long enough ago, else
 * when it is, once for all who asked in between.
 */
import type { Clock, Timer } from './clock.ts';

export class Pace {
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #act: () => void;
  #timer: Timer | null = null;
  #lastAtMs = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, intervalMs: number, act: () => void) {
    this.#clock = clock;
    this.#intervalMs = intervalMs;
    this.#act = act;
  }

  /** May be called while it acts: for another time. */
  request(): void {
    if (this.#timer !== null) return;
    const waitMs = this.#lastAtMs + this.#intervalMs - this.#clock.nowMs();
    if (waitMs <= 0) this.#run();
    else this.#timer = this.#clock.setTimer(waitMs, () => this.#run());
  }

  /** Forgets who asked. */
  cancel(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }

  #run(): void {
    this.#timer = null;
    this.#lastAtMs = this.#clock.nowMs();
    this.#act();
  }
}
