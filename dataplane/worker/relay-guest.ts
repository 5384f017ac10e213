/** Who uses a relay, as the relay sees it. */

/** One guest on one queue. Owned by its worker. */
export interface RelayGuest {
  /** Names the guest among all of a worker, 0 to 2^31 − 1. */
  readonly id: number;
  /** Longest packet that it takes. */
  readonly mtuBytes: number;
  /**
   * Takes a packet that is for the guest. It lies in the worker's arena, is the relay's again when
   * this returns, and the 64 bytes before it may be overwritten. Nothing may be given to the relay
   * from within.
   */
  deliver(packetAt: number, packetLen: number, nowMs: number): void;
}
