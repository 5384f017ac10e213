/**
 * A hash table from MAC address to port, times and marks, in memory that never grows.
 *
 * Open addressing with linear probing, at most half full. Removal shifts back what probed past
 * the place, so that there are no tombstones to make searches longer over time. Stations choose
 * their addresses, so the hash is keyed: who doesn't know the seed can't aim at one place.
 */

import { mix } from './mix.ts';

/** An entry: key with marks, the last 32 bits of the address, port, moves. One cache line holds four. */
const WORDS = 4;
const WORDS_LOG2 = 2;
const KEY = 0;
const LO = 1;
const PORT = 2;
const MOVES = 3;
/** Marks above the first 16 bits of the address. A key of 0 is a free place. */
const USED = 0x1_0000;
const STATIC = 0x2_0000;
const HI_MASK = 0xffff;
const MATCHED = USED | HI_MASK;
const MIN_CAPACITY_LOG2 = 4;
/** Times of an entry, in ms on the caller's clock. */
const TIMES = 2;
const SEEN = 0;
const MOVING = 1;

export const NO_SLOT = -1;

/** Slots are valid until the next insert() or remove(). Owned by one thread. */
export class MacTable {
  /** Slots, of which half may be used. */
  readonly capacity: number;
  readonly #words: Int32Array;
  readonly #times: Float64Array;
  readonly #mask: number;
  readonly #shift: number;
  readonly #key: number;
  #size = 0;

  /**
   * @param maxEntries Room, 1 or more.
   * @param seed       32 random bits that stations don't know.
   */
  constructor(maxEntries: number, seed: number) {
    const log2 = Math.max(MIN_CAPACITY_LOG2, Math.ceil(Math.log2(maxEntries * 2)));
    this.capacity = 2 ** log2;
    this.#words = new Int32Array(this.capacity * WORDS);
    this.#times = new Float64Array(this.capacity * TIMES);
    this.#mask = this.capacity - 1;
    this.#shift = 32 - log2;
    this.#key = mix(seed | 0);
  }

  get size(): number {
    return this.#size;
  }

  /** @returns the slot of an address, NO_SLOT when it has none. */
  find(hi: number, lo: number): number {
    const words = this.#words;
    const key = hi | USED;
    for (let slot = this.#home(hi, lo); ; slot = (slot + 1) & this.#mask) {
      const at = slot << WORDS_LOG2;
      const found = words[at] ?? 0;
      if ((found & MATCHED) === key && words[at + LO] === lo) return slot;
      if (found === 0) return NO_SLOT;
    }
  }

  /** Adds an address that has no slot; the caller guarantees room for it. Marks and times are 0. */
  insert(hi: number, lo: number, port: number): number {
    const words = this.#words;
    let slot = this.#home(hi, lo);
    while (words[slot << WORDS_LOG2] !== 0) slot = (slot + 1) & this.#mask;
    const at = slot << WORDS_LOG2;
    words[at + KEY] = hi | USED;
    words[at + LO] = lo;
    words[at + PORT] = port;
    words[at + MOVES] = 0;
    this.#times[slot * TIMES + SEEN] = 0;
    this.#times[slot * TIMES + MOVING] = 0;
    this.#size++;
    return slot;
  }

  /** @see Knuth, The Art of Computer Programming 3, §6.4, algorithm R */
  remove(slot: number): void {
    const mask = this.#mask;
    let hole = slot;
    for (let next = (hole + 1) & mask; this.isUsed(next); next = (next + 1) & mask) {
      const home = this.#home(this.hi(next), this.lo(next));
      if (((next - home) & mask) < ((next - hole) & mask)) continue;
      this.#copy(next, hole);
      hole = next;
    }
    this.#words[hole << WORDS_LOG2] = 0;
    this.#size--;
  }

  isUsed(slot: number): boolean {
    return this.#words[slot << WORDS_LOG2] !== 0;
  }

  /** First 16 bits of the address, unsigned. The slot is a used one, here and below. */
  hi(slot: number): number {
    return (this.#words[slot << WORDS_LOG2] ?? 0) & HI_MASK;
  }

  /** Last 32 bits of the address, signed. */
  lo(slot: number): number {
    return this.#words[(slot << WORDS_LOG2) + LO] ?? 0;
  }

  port(slot: number): number {
    return this.#words[(slot << WORDS_LOG2) + PORT] ?? 0;
  }

  setPort(slot: number, port: number): void {
    this.#words[(slot << WORDS_LOG2) + PORT] = port;
  }

  isStatic(slot: number): boolean {
    return ((this.#words[slot << WORDS_LOG2] ?? 0) & STATIC) !== 0;
  }

  setStatic(slot: number): void {
    this.#words[slot << WORDS_LOG2] = (this.#words[slot << WORDS_LOG2] ?? 0) | STATIC;
  }

  /** Moves since movingSinceMs(). */
  moves(slot: number): number {
    return this.#words[(slot << WORDS_LOG2) + MOVES] ?? 0;
  }

  setMoves(slot: number, moves: number): void {
    this.#words[(slot << WORDS_LOG2) + MOVES] = moves;
  }

  movingSinceMs(slot: number): number {
    return this.#times[slot * TIMES + MOVING] ?? 0;
  }

  setMovingSince(slot: number, nowMs: number): void {
    this.#times[slot * TIMES + MOVING] = nowMs;
  }

  seenMs(slot: number): number {
    return this.#times[slot * TIMES + SEEN] ?? 0;
  }

  setSeen(slot: number, nowMs: number): void {
    this.#times[slot * TIMES + SEEN] = nowMs;
  }

  /**
   * Where the search for an address begins. The key goes in first: behind either half it would leave
   * addresses that collide under one seed to collide under every other.
   */
  #home(hi: number, lo: number): number {
    return mix(mix(lo ^ this.#key) ^ hi) >>> this.#shift;
  }

  #copy(from: number, to: number): void {
    const fromAt = from << WORDS_LOG2;
    this.#words.copyWithin(to << WORDS_LOG2, fromAt, fromAt + WORDS);
    this.#times.copyWithin(to * TIMES, from * TIMES, (from + 1) * TIMES);
  }
}
