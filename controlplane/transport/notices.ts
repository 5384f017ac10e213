/**
 * Tells the operator about strangers and failures without letting them flood the log.
 */

const INTERVAL_MS = 10_000;

export class Notices {
  readonly #report: (notice: string) => void;
  readonly #nowMs: () => number;
  readonly #kinds = new Map<string, { nextMs: number; withheld: number }>();

  constructor(report: (notice: string) => void, nowMs: () => number = () => performance.now()) {
    this.#report = report;
    this.#nowMs = nowMs;
  }

  /**
   * Reports at most one notice of a kind in 10 s; the next one says how many were withheld.
   *
   * @param kind One of a fixed few: it never comes from the network.
   */
  say(kind: string, notice: string): void {
    const nowMs = this.#nowMs();
    const state = this.#kinds.get(kind) ?? { nextMs: 0, withheld: 0 };
    this.#kinds.set(kind, state);
    if (nowMs < state.nextMs) {
      state.withheld += 1;
      return;
    }
    const more = state.withheld > 0 ? ` (and ${state.withheld} more like it)` : '';
    state.nextMs = nowMs + INTERVAL_MS;
    state.withheld = 0;
    this.#report(notice + more);
  }
}
