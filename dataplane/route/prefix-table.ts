/** Hash table of all prefixes of one length: the part of a longest-prefix match that is exact. */

import { randomFillSync } from 'node:crypto';
import { wordMask } from './prefix.ts';

const KEY_BYTES = 16;
const BYTE_VALUES = 256;
const MIN_SLOTS = 4;

/**
 * Random words for tabulation hashing: one per key byte and value, drawn once per process.
 *
 * Whoever knew the hash could pick addresses that all land in one place of a table. Simple
 * tabulation has no input that is bad for every draw, and with linear probing its expected
 * cost is constant; multiplicative hashes with a secret seed promise neither.
 * @see Pătraşcu, Thorup: The Power of Simple Tabulation Hashing, J. ACM 59(3), 2012
 */
const TABULATION = randomFillSync(new Int32Array(KEY_BYTES * BYTE_VALUES));

/**
 * Open addressing with linear probing, at most half full; removal leaves no mark behind.
 *
 * Keys are 1 to 4 signed 32-bit words (small integers to the engine, never boxed), as many as
 * the prefix length covers; methods take four and look at those. Values are never undefined.
 */
export class PrefixTable<T> {
  readonly length: number;
  private readonly keyWords: number;
  private readonly masks: readonly [number, number, number, number];
  private keys: Int32Array;
  private values: (T | undefined)[];
  private used = 0;

  /** @param length Length of every prefix in the table, in bits, 1 to 128. */
  constructor(length: number) {
    this.length = length;
    this.keyWords = Math.ceil(length / 32);
    this.masks = [wordMask(length, 0), wordMask(length, 1), wordMask(length, 2), wordMask(length, 3)];
    this.keys = new Int32Array(MIN_SLOTS * this.keyWords);
    this.values = new Array<T | undefined>(MIN_SLOTS).fill(undefined);
  }

  /** Prefixes in the table. */
  get size(): number {
    return this.used;
  }

  /** All values, in no order. */
  *all(): Generator<T> {
    for (const value of this.values) if (value !== undefined) yield value;
  }

  /** Value of the prefix that covers an address; bits behind the length are ignored. Allocates nothing. */
  find(w0: number, w1: number, w2: number, w3: number): T | undefined {
    const masks = this.masks;
    return this.values[this.slotOf(w0 & masks[0], w1 & masks[1], w2 & masks[2], w3 & masks[3])];
  }

  /** Adds a prefix or replaces its value. */
  set(w0: number, w1: number, w2: number, w3: number, value: T): void {
    if ((this.used + 1) * 2 > this.values.length) this.grow();
    const slot = this.slotOf(w0 | 0, w1 | 0, w2 | 0, w3 | 0);
    if (this.values[slot] === undefined) this.used++;
    this.put(slot, w0, w1, w2, w3, value);
  }

  /** Removes a prefix. @returns Whether it was there. */
  delete(w0: number, w1: number, w2: number, w3: number): boolean {
    const slot = this.slotOf(w0 | 0, w1 | 0, w2 | 0, w3 | 0);
    if (this.values[slot] === undefined) return false;
    this.values[slot] = undefined;
    this.used--;
    this.closeGap(slot);
    return true;
  }

  /** The slot that holds this key, or the free one where it belongs. */
  private slotOf(w0: number, w1: number, w2: number, w3: number): number {
    const { values, keys, keyWords } = this;
    const last = values.length - 1;
    let slot = hash(keyWords, w0, w1, w2, w3) & last;
    while (values[slot] !== undefined) {
      const at = slot * keyWords;
      if (
        keys[at] === w0 &&
        (keyWords < 2 || keys[at + 1] === w1) &&
        (keyWords < 3 || keys[at + 2] === w2) &&
        (keyWords < 4 || keys[at + 3] === w3)
      ) {
        return slot;
      }
      slot = (slot + 1) & last;
    }
    return slot;
  }

  private put(slot: number, w0: number, w1: number, w2: number, w3: number, value: T): void {
    const { keys, keyWords } = this;
    const at = slot * keyWords;
    keys[at] = w0;
    if (keyWords > 1) keys[at + 1] = w1;
    if (keyWords > 2) keys[at + 2] = w2;
    if (keyWords > 3) keys[at + 3] = w3;
    this.values[slot] = value;
  }

  private grow(): void {
    const { values, keys, keyWords } = this;
    this.values = new Array<T | undefined>(values.length * 2).fill(undefined);
    this.keys = new Int32Array(this.values.length * keyWords);
    for (const [slot, value] of values.entries()) {
      if (value !== undefined) this.place(keys, slot * keyWords, value);
    }
  }

  /** Re-inserts what follows the gap up to the next free slot, so that every probe still finds its key. */
  private closeGap(gap: number): void {
    const { values, keys, keyWords } = this;
    const last = values.length - 1;
    for (let slot = (gap + 1) & last; values[slot] !== undefined; slot = (slot + 1) & last) {
      const value = values[slot];
      values[slot] = undefined;
      if (value !== undefined) this.place(keys, slot * keyWords, value);
    }
  }

  private place(keys: Int32Array, at: number, value: T): void {
    const w0 = keys[at] ?? 0;
    const w1 = this.keyWords > 1 ? (keys[at + 1] ?? 0) : 0;
    const w2 = this.keyWords > 2 ? (keys[at + 2] ?? 0) : 0;
    const w3 = this.keyWords > 3 ? (keys[at + 3] ?? 0) : 0;
    this.put(this.slotOf(w0, w1, w2, w3), w0, w1, w2, w3, value);
  }
}

function hash(keyWords: number, w0: number, w1: number, w2: number, w3: number): number {
  let mixed = hashWord(w0, 0);
  if (keyWords > 1) mixed ^= hashWord(w1, 1);
  if (keyWords > 2) mixed ^= hashWord(w2, 2);
  if (keyWords > 3) mixed ^= hashWord(w3, 3);
  return mixed;
}

function hashWord(word: number, index: number): number {
  const at = index * 4 * BYTE_VALUES;
  return (
    (TABULATION[at + (word >>> 24)] ?? 0) ^
    (TABULATION[at + BYTE_VALUES + ((word >>> 16) & 0xff)] ?? 0) ^
    (TABULATION[at + 2 * BYTE_VALUES + ((word >>> 8) & 0xff)] ?? 0) ^
    (TABULATION[at + 3 * BYTE_VALUES + (word & 0xff)] ?? 0)
  );
}
