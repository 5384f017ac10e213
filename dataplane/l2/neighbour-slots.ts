/**
 * The memory of a neighbour table: a hash table from (family, VLAN, IP address) to what is known.
 *
 * Open addressing with linear probing, at most half full, over three arrays; a removal moves those
 * behind it up, so that no tombstones are left to search. Stations choose their addresses: the seed
 * keeps them from aiming at one place by a prepared list, and a port's cap bounds the search that
 * even a perfect aim could cause.
 */
import type { IpWords } from '../wire/ip-text.ts';

/** Words of a slot: its key, then what is known. */
const Word = { scope: 0, ip: 1, macLow: 5, macHigh: 6, port: 7 } as const;
const SLOT_WORDS = 8;
const IP_WORDS = 4;
/** Scope of a free slot; others have the family above the VLAN's 24 bits. */
const FREE = 0;
const FAMILY_SHIFT = 24;
const VLAN_MASK = 0xff_ffff;
const MIN_CAPACITY_LOG2 = 6;

/** Odd, with bits well mixed. @see Appleby, MurmurHash3, fmix32 */
const MULTIPLIER_A = 0x85ebca6b;
const MULTIPLIER_B = 0xc2b2ae35;

/**
 * Owned by one worker. Slots are small integers, valid until the next insert() or remove().
 * Addresses are read from a view: 4 bytes for family 4, 16 for family 6.
 */
export class NeighbourSlots {
  readonly #seed: number;
  /** The key that is looked for, in the layout of a slot. */
  readonly #key = new Int32Array(1 + IP_WORDS);
  #words = new Int32Array(SLOT_WORDS << MIN_CAPACITY_LOG2);
  #flags = new Uint8Array(1 << MIN_CAPACITY_LOG2);
  #seenMs = new Float64Array(1 << MIN_CAPACITY_LOG2);
  #mask = (1 << MIN_CAPACITY_LOG2) - 1;
  #size = 0;

  /** @param seed 32 random bits. */
  constructor(seed: number) {
    this.#seed = seed | 0;
  }

  get size(): number {
    return this.#size;
  }

  /** Slots in all, used or not. */
  get capacity(): number {
    return this.#mask + 1;
  }

  isUsed(slot: number): boolean {
    return this.#words[slot * SLOT_WORDS] !== FREE;
  }

  /** @returns −1 when the address is not there. */
  find(view: DataView, family: 4 | 6, ipAt: number, vlan: number): number {
    this.#readKey(view, family, ipAt, vlan);
    const slot = this.#place();
    return this.isUsed(slot) ? slot : -1;
  }

  /** Makes room for an address that is not there; what is known of it is then up to set(). */
  insert(view: DataView, family: 4 | 6, ipAt: number, vlan: number): number {
    if ((this.#size + 1) * 2 > this.capacity) this.#grow();
    this.#readKey(view, family, ipAt, vlan);
    const slot = this.#place();
    this.#words.set(this.#key, slot * SLOT_WORDS);
    this.#size++;
    return slot;
  }

  set(slot: number, macHigh: number, macLow: number, port: number, flags: number, nowMs: number): void {
    const at = slot * SLOT_WORDS;
    this.#words[at + Word.macLow] = macLow;
    this.#words[at + Word.macHigh] = macHigh;
    this.#words[at + Word.port] = port;
    this.#flags[slot] = flags;
    this.#seenMs[slot] = nowMs;
  }

  touch(slot: number, flags: number, nowMs: number): void {
    this.#flags[slot] = flags;
    this.#seenMs[slot] = nowMs;
  }

  /** Frees a slot; a later one of the same run may move into it. */
  remove(slot: number): void {
    const mask = this.#mask;
    let free = slot;
    for (let next = (slot + 1) & mask; this.isUsed(next); next = (next + 1) & mask) {
      // What is at its own place, or closer to it than the free slot is, has to stay.
      if (((next - this.#homeOf(next)) & mask) < ((next - free) & mask)) continue;
      this.#move(next, free);
      free = next;
    }
    this.#words[free * SLOT_WORDS] = FREE;
    this.#size--;
  }

  macHigh(slot: number): number {
    return this.#words[slot * SLOT_WORDS + Word.macHigh] ?? 0;
  }

  macLow(slot: number): number {
    return this.#words[slot * SLOT_WORDS + Word.macLow] ?? 0;
  }

  port(slot: number): number {
    return this.#words[slot * SLOT_WORDS + Word.port] ?? 0;
  }

  flags(slot: number): number {
    return this.#flags[slot] ?? 0;
  }

  seenMs(slot: number): number {
    return this.#seenMs[slot] ?? 0;
  }

  family(slot: number): 4 | 6 {
    return this.#scope(slot) >>> FAMILY_SHIFT === 4 ? 4 : 6;
  }

  vlan(slot: number): number {
    return this.#scope(slot) & VLAN_MASK;
  }

  /** The address, for display. */
  ip(slot: number): IpWords {
    const at = slot * SLOT_WORDS + Word.ip;
    const [a = 0, b = 0, c = 0, d = 0] = this.#words.subarray(at, at + IP_WORDS);
    return [a >>> 0, b >>> 0, c >>> 0, d >>> 0];
  }

  #scope(slot: number): number {
    return this.#words[slot * SLOT_WORDS] ?? FREE;
  }

  #readKey(view: DataView, family: 4 | 6, ipAt: number, vlan: number): void {
    const key = this.#key;
    const isV6 = family === 6;
    key[Word.scope] = (family << FAMILY_SHIFT) | (vlan & VLAN_MASK);
    key[Word.ip] = view.getInt32(ipAt);
    key[Word.ip + 1] = isV6 ? view.getInt32(ipAt + 4) : 0;
    key[Word.ip + 2] = isV6 ? view.getInt32(ipAt + 8) : 0;
    key[Word.ip + 3] = isV6 ? view.getInt32(ipAt + 12) : 0;
  }

  /** Where the key is, or where it belongs. */
  #place(): number {
    const mask = this.#mask;
    let slot = this.#hash(this.#key, 0) & mask;
    while (this.isUsed(slot) && !this.#isKeyAt(slot)) slot = (slot + 1) & mask;
    return slot;
  }

  #isKeyAt(slot: number): boolean {
    const at = slot * SLOT_WORDS;
    for (let i = 0; i <= IP_WORDS; i++) if (this.#words[at + i] !== this.#key[i]) return false;
    return true;
  }

  #homeOf(slot: number): number {
    return this.#hash(this.#words, slot * SLOT_WORDS) & this.#mask;
  }

  /** Of the key that begins at `at`. */
  #hash(words: Int32Array, at: number): number {
    let mixed = this.#seed;
    for (let i = 0; i <= IP_WORDS; i++) {
      mixed = Math.imul(mixed ^ (words[at + i] ?? 0), MULTIPLIER_A);
      mixed = Math.imul(mixed ^ (mixed >>> 15), MULTIPLIER_B);
      mixed ^= mixed >>> 13;
    }
    return mixed;
  }

  #move(from: number, to: number): void {
    this.#words.copyWithin(to * SLOT_WORDS, from * SLOT_WORDS, (from + 1) * SLOT_WORDS);
    this.touch(to, this.flags(from), this.seenMs(from));
  }

  #grow(): void {
    const words = this.#words;
    const flags = this.#flags;
    const seenMs = this.#seenMs;
    const slots = this.capacity;
    this.#words = new Int32Array(words.length * 2);
    this.#flags = new Uint8Array(slots * 2);
    this.#seenMs = new Float64Array(slots * 2);
    this.#mask = slots * 2 - 1;
    for (let old = 0; old < slots; old++) {
      const at = old * SLOT_WORDS;
      if (words[at] === FREE) continue;
      let slot = this.#hash(words, at) & this.#mask;
      while (this.isUsed(slot)) slot = (slot + 1) & this.#mask;
      this.#words.set(words.subarray(at, at + SLOT_WORDS), slot * SLOT_WORDS);
      this.touch(slot, flags[old] ?? 0, seenMs[old] ?? 0);
    }
  }
}
