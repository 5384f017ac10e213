/**
 * Tells when the sender of a bulk flow has to be slowed down.
 *
 * What comes from the interface waits in its queue in the kernel, which holds hundreds of
 * super-packets: at full speed a TCP flow fills it with all that its window allows, megabytes that
 * every other packet then waits behind. A queue that empties now and then does its work; one that
 * was not empty for a whole interval only adds delay. Then one packet is marked or dropped, and
 * more of them the longer that lasts, so that senders halve their windows one after the other.
 *
 * That is CoDel's law with another measure: the kernel does not tell how long a packet waited.
 *
 * @see RFC 8289 §3.2, §3.3
 */

/**
 * Half of what CoDel proposes for the Internet: with 100 ms a ping behind one TCP stream on a fast
 * link takes 3.3 ms, with 50 up to 2.9, at the same throughput. @see RFC 8289 §4.3
 */
export const INTERVAL_MS = 50;

/** Owned by the queue's worker. Who filled the queue is not asked: the signal is for whichever bulk flow comes. */
export class StandingQueue {
  /** When bulk packets came first since the queue was empty; infinite while none did. */
  #sinceMs = Number.POSITIVE_INFINITY;
  #signals = 0;
  #nextAtMs = 0;

  /** The queue was found empty. */
  empty(): void {
    this.#sinceMs = Number.POSITIVE_INFINITY;
    this.#signals = 0;
  }

  /** Whether a bulk packet that is there now is to carry a signal; it counts as given. */
  isDue(nowMs: number): boolean {
    if (nowMs < this.#sinceMs) this.#sinceMs = nowMs;
    if (nowMs - this.#sinceMs < INTERVAL_MS) return false;
    if (this.#signals > 0 && nowMs < this.#nextAtMs) return false;
    this.#signals++;
    this.#nextAtMs = nowMs + INTERVAL_MS / Math.sqrt(this.#signals);
    return true;
  }
}
