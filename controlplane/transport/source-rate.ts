/**
 * How often one source may try: a token bucket for each, of which a bounded number is remembered.
 */
import { sourceOf } from './socket-address.ts';

/** Sources remembered; a full table forgets the one that was quiet longest. */
const MAX_SOURCES = 1_024;

interface Bucket {
  tokens: number;
  filledAtMs: number;
}

export class SourceRate {
  readonly #perS: number;
  readonly #burst: number;
  /** In order of their last attempt. */
  readonly #buckets = new Map<string, Bucket>();

  /** @param perS Attempts per second and source. @param burst How many may come at once. */
  constructor(perS: number, burst: number) {
    this.#perS = perS;
    this.#burst = burst;
  }

  /** Takes one attempt's token. @param address IP address it came from. */
  take(address: string, nowMs: number): boolean {
    const source = sourceOf(address);
    const bucket = this.#buckets.get(source) ?? { tokens: this.#burst, filledAtMs: nowMs };
    const gained = ((nowMs - bucket.filledAtMs) / 1_000) * this.#perS;
    bucket.tokens = Math.min(this.#burst, bucket.tokens + gained);
    bucket.filledAtMs = nowMs;
    this.#buckets.delete(source);
    this.#buckets.set(source, bucket);
    for (const quietest of this.#buckets.keys()) {
      if (this.#buckets.size <= MAX_SOURCES) break;
      this.#buckets.delete(quietest);
    }
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  }
}
