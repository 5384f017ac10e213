/**
 * The anti-replay window of one receive SA.
 *
 * A ring of 32-bit words, one bit a counter: advancing clears whole words instead of shifting
 * bits, at the price of one word that is not usable. Counters are plain numbers.
 *
 * @see RFC 6479 §2
 */
import { MAX_COUNTER } from './aead.ts';

const WORD_BITS = 32;
const WORDS = 256;
const WORD_MASK = WORDS - 1;

/** How many counters up to the highest accepted one are told apart: 8,160. */
export const WINDOW_WIDTH = (WORDS - 1) * WORD_BITS;

/** Owned by the worker that owns the SPI; nobody else reads or writes it. */
export class ReplayWindow {
  readonly #words = new Uint32Array(WORDS);
  #highest = 0;

  /** The highest accepted counter, 0 before the first. */
  get highest(): number {
    return this.#highest;
  }

  /**
   * Whether the counter is neither behind the window nor already accepted. Changes nothing.
   *
   * 0 is no counter, and above 2^53-1 numbers are not exact: both are refused.
   */
  check(counter: number): boolean {
    if (!(counter >= 1 && counter <= MAX_COUNTER)) return false;
    if (counter > this.#highest) return true;
    if (this.#highest - counter >= WINDOW_WIDTH) return false;
    const word = this.#words[Math.floor(counter / WORD_BITS) & WORD_MASK] ?? 0;
    return (word & (1 << (counter & (WORD_BITS - 1)))) === 0;
  }

  /**
   * Marks the counter as seen. Call it only after the tag verified: a forged counter would
   * otherwise move the window past every genuine packet.
   *
   * @returns false, with nothing changed, where `check` is false.
   */
  accept(counter: number): boolean {
    if (!this.check(counter)) return false;
    const index = Math.floor(counter / WORD_BITS);
    if (counter > this.#highest) this.#advance(counter, index);
    const slot = index & WORD_MASK;
    this.#words[slot] = (this.#words[slot] ?? 0) | (1 << (counter & (WORD_BITS - 1)));
    return true;
  }

  /** Clears the words between the old top and the new one, all of them after a long gap. */
  #advance(counter: number, index: number): void {
    const top = Math.floor(this.#highest / WORD_BITS);
    const stale = Math.min(index - top, WORDS);
    for (let i = 1; i <= stale; i++) this.#words[(top + i) & WORD_MASK] = 0;
    this.#highest = counter;
  }
}
