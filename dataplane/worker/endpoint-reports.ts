/**
 * Decides when the main thread is told that a peer is at another outer address.
 *
 * A move is told at once; more of the same peer wait until a second has passed, and then only
 * the last counts. Without that a peer that sends every frame from another port would have the
 * main thread measure routes, and every queue take new settings, thousands of times a second.
 */

/** Least time between two reports about one peer, in ms. */
export const REPORT_INTERVAL_MS = 1_000;

/** Owned by the queue's worker. */
export class EndpointReports {
  readonly #report: (slot: number) => void;
  readonly #reportedAtMs = new Map<number, number>();
  readonly #waiting = new Set<number>();

  /** @param report Called with the slot of a peer whose address is to be told. */
  constructor(report: (slot: number) => void) {
    this.#report = report;
  }

  /** The peer is at another address. */
  moved(slot: number, nowMs: number): void {
    const lastMs = this.#reportedAtMs.get(slot) ?? Number.NEGATIVE_INFINITY;
    if (nowMs - lastMs < REPORT_INTERVAL_MS) this.#waiting.add(slot);
    else this.#tell(slot, nowMs);
  }

  /** Tells what has waited long enough; to be called about once a second. */
  due(nowMs: number): void {
    for (const slot of this.#waiting) {
      if (nowMs - (this.#reportedAtMs.get(slot) ?? 0) >= REPORT_INTERVAL_MS) this.#tell(slot, nowMs);
    }
  }

  #tell(slot: number, nowMs: number): void {
    this.#waiting.delete(slot);
    this.#reportedAtMs.set(slot, nowMs);
    this.#report(slot);
  }
}
