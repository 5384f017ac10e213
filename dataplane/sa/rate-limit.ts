/**
 * A token bucket for packets per second, on the caller's clock.
 *
 * It keeps a flood from reaching the AEAD, which costs more than everything before it.
 */

/** Bursts up to this many packets pass at any limit that allows as many in a second. */
const MIN_BURST = 64;

/** Owned by one worker. */
export class RateLimit {
  #limitPps = 0;
  #burst = 0;
  #tokens = 0;
  #refilledAtMs = Number.NEGATIVE_INFINITY;

  /** @param limitPps Packets per second; 0 is no limit. */
  constructor(limitPps = 0) {
    this.setLimit(limitPps);
  }

  get limitPps(): number {
    return this.#limitPps;
  }

  /**
   * Packets that may pass at once after a quiet time: what a tenth of a second brings, but at
   * least 64 or, below 64 packets per second, a full second's. The clock is read once per batch,
   * so a smaller bucket would drop batches that are well within the limit.
   */
  get burst(): number {
    return this.#burst;
  }

  /** Changes the limit and keeps what was saved up, as far as the new burst goes. A fresh bucket is full. */
  setLimit(limitPps: number): void {
    if (!(limitPps >= 0 && limitPps < Number.POSITIVE_INFINITY)) {
      throw new RangeError(`rate limit is ${limitPps}, expected packets per second from 0`);
    }
    const fresh = this.#limitPps === 0;
    this.#limitPps = limitPps;
    this.#burst = Math.max(Math.min(Math.ceil(limitPps), MIN_BURST), Math.ceil(limitPps / 10));
    this.#tokens = fresh ? this.#burst : Math.min(this.#tokens, this.#burst);
  }

  /**
   * Takes one packet's token.
   *
   * @param nowMs Any clock in ms. After a step backwards the bucket counts on from there: the
   *   step itself neither adds tokens nor locks the bucket until the clock has caught up.
   */
  allow(nowMs: number): boolean {
    if (this.#limitPps === 0) return true;
    const elapsedMs = nowMs - this.#refilledAtMs;
    if (elapsedMs !== 0) {
      this.#refilledAtMs = nowMs;
      if (elapsedMs > 0) {
        this.#tokens = Math.min(this.#burst, this.#tokens + (elapsedMs * this.#limitPps) / 1000);
      }
    }
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
