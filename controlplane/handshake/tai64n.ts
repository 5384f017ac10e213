/**
 * TAI64N labels: the strictly rising timestamps that make a replayed first message worthless.
 *
 * A label has 12 bytes: seconds as 2^62 + 10 + Unix time (8), nanoseconds (4), big endian. Like
 * WireGuard's they need not be right, only later than the label before, across restarts too.
 *
 * @see https://cr.yp.to/libtai/tai64.html
 */

/** Length of a label, in bytes. */
export const TAI64N_LEN = 12;

/** 2^62 plus the 10 s that TAI was ahead of UTC when Unix time began. */
const EPOCH = 0x4000_0000_0000_000an;
const NS_PER_S = 1_000_000_000n;
const NS_PER_MS = 1_000_000n;

/** Makes labels from one clock; each is later than the one before, whatever the clock does. */
export class Tai64nClock {
  readonly #nowMs: () => number;
  #lastNs = -1n;

  /** @param nowMs Unix time in ms, not negative, fractions allowed. */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  now(): Uint8Array {
    const nowMs = this.#nowMs();
    const wholeMs = Math.floor(nowMs);
    // Split first: today's nanoseconds are no safe integer.
    const clockNs = BigInt(wholeMs) * NS_PER_MS + BigInt(Math.round((nowMs - wholeMs) * Number(NS_PER_MS)));
    this.#lastNs = clockNs > this.#lastNs ? clockNs : this.#lastNs + 1n;
    return encodeTai64n(this.#lastNs);
  }
}

/** @param unixNs Unix time in ns, not negative. */
export function encodeTai64n(unixNs: bigint): Uint8Array {
  const label = new Uint8Array(TAI64N_LEN);
  const view = new DataView(label.buffer);
  view.setBigUint64(0, EPOCH + unixNs / NS_PER_S);
  view.setUint32(8, Number(unixNs % NS_PER_S));
  return label;
}

/** Order of two labels: negative when `a` is earlier. */
export function compareTai64n(a: Uint8Array, b: Uint8Array): number {
  return Buffer.compare(a, b);
}
