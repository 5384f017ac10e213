/**
 * The sessions of a relay: which guest speaks from where to whom, and who was idle the longest.
 *
 * Open addressing with linear probing, at most half full, keyed by a pseudo-random function:
 * guests choose the keys. The index holds slot numbers, so a session keeps its slot as long as it
 * lives, and others may keep arrays by slot.
 */
import { Chaskey } from '../path/chaskey.ts';
import { IndexLists, NONE } from './index-lists.ts';

export interface SessionLimits {
  /** Sessions in all, 1 or more. */
  readonly maxSessions: number;
  /** Sessions of one guest. */
  readonly maxPerGuest: number;
  /** A session without a datagram in either direction ends after this. */
  readonly idleMs: number;
  /**
   * A session is not ended for a new one before it was idle for this long: who opens many cannot
   * push out those that carry something.
   */
  readonly busyMs: number;
}

export const SESSION_LIMITS: SessionLimits = {
  maxSessions: 16_384,
  maxPerGuest: 1_024,
  idleMs: 60_000,
  busyMs: 1_000,
};

/** What `victim` says where no session has to go, or none may. */
export const Room = { free: -1, full: -2, guestFull: -3 } as const;

/** Guest, ports, source, destination, family: three blocks of the hash. */
const KEY_WORDS = 12;
const Key = { guest: 0, ports: 1, source: 2, destination: 6, family: 10 } as const;
const ALL = 0;
const FREE = 0;

/** Slots are 0 to maxSessions − 1. Owned by one worker. */
export class SessionTable {
  #limits: SessionLimits;
  readonly #hash: Chaskey;
  readonly #mask: number;
  /** Slot + 1 by place, FREE for none. */
  readonly #index: Int32Array;
  readonly #keys: Int32Array;
  readonly #hashes: Int32Array;
  readonly #usedAtMs: Float64Array;
  /** In order of use, the longest idle first. */
  readonly #idle: IndexLists;
  /** The same for each guest, by the guest's place. */
  readonly #idleOfGuest: IndexLists;
  readonly #places = new Map<number, number>();
  readonly #freePlaces: number[];
  readonly #placeOf: Int32Array;
  readonly #countOf: Int32Array;
  readonly #freeSlots: Int32Array;
  #freeCount: number;
  /** The key that was looked for last. */
  readonly #key = new Int32Array(KEY_WORDS);
  #keyHash = 0;
  #lastFound = 0;

  /** @param seed CHASKEY_KEY_LEN random bytes. */
  constructor(limits: SessionLimits, seed: Uint8Array) {
    const { maxSessions } = limits;
    this.#limits = limits;
    this.#hash = new Chaskey(seed);
    this.#index = new Int32Array(2 ** Math.ceil(Math.log2(maxSessions * 2)));
    this.#mask = this.#index.length - 1;
    this.#keys = new Int32Array(maxSessions * KEY_WORDS);
    this.#hashes = new Int32Array(maxSessions);
    this.#usedAtMs = new Float64Array(maxSessions);
    this.#idle = new IndexLists(maxSessions, 1);
    this.#idleOfGuest = new IndexLists(maxSessions, maxSessions);
    this.#freePlaces = Array.from({ length: maxSessions }, (_, i) => maxSessions - 1 - i);
    this.#placeOf = new Int32Array(maxSessions);
    this.#countOf = new Int32Array(maxSessions);
    this.#freeSlots = Int32Array.from({ length: maxSessions }, (_, i) => maxSessions - 1 - i);
    this.#freeCount = maxSessions;
  }

  get limits(): SessionLimits {
    return this.#limits;
  }

  /** Takes other limits from now on, with as many sessions in all: sessions that there are stay. */
  setLimits(limits: Omit<SessionLimits, 'maxSessions'>): void {
    this.#limits = { ...limits, maxSessions: this.#limits.maxSessions };
  }

  /** Sessions in the table. */
  get size(): number {
    return this.limits.maxSessions - this.#freeCount;
  }

  /**
   * @param ports  Source port in the upper 16 bits, destination port in the lower.
   * @returns      The session's slot, NONE when there is no such session.
   */
  find(
    guest: number,
    family: 4 | 6,
    view: DataView,
    sourceAt: number,
    destinationAt: number,
    ports: number,
  ): number {
    const key = this.#key;
    key[Key.guest] = guest;
    key[Key.ports] = ports;
    key[Key.family] = family;
    const words = family === 4 ? 1 : 4;
    for (let i = 0; i < 4; i++) {
      key[Key.source + i] = i < words ? view.getInt32(sourceAt + i * 4) : 0;
      key[Key.destination + i] = i < words ? view.getInt32(destinationAt + i * 4) : 0;
    }
    // A flow comes in runs.
    if (this.#isKeyOf(this.#lastFound)) return this.#lastFound;
    const hash = this.#hashOfKey();
    this.#keyHash = hash;
    for (let place = hash & this.#mask; ; place = (place + 1) & this.#mask) {
      const slot = (this.#index[place] ?? FREE) - 1;
      if (slot < 0) return NONE;
      if (this.#hashes[slot] !== hash || !this.#isKeyOf(slot)) continue;
      this.#lastFound = slot;
      return slot;
    }
  }

  /**
   * What has to be removed before the session that `find` did not find can be added.
   *
   * @returns A slot; Room.free when there is room, Room.full or Room.guestFull when all that could
   *          go are in use.
   */
  victim(nowMs: number): number {
    const { maxPerGuest } = this.limits;
    const place = this.#places.get(this.#key[Key.guest] ?? 0);
    if (place !== undefined && (this.#countOf[place] ?? 0) >= maxPerGuest) {
      const slot = this.#idleOfGuest.first(place);
      return this.#isBusy(slot, nowMs) ? Room.guestFull : slot;
    }
    if (this.#freeCount > 0) return Room.free;
    const slot = this.#idle.first(ALL);
    return this.#isBusy(slot, nowMs) ? Room.full : slot;
  }

  /** Adds the session that `find` did not find, where `victim` said that there is room. @returns Its slot. */
  add(nowMs: number): number {
    const slot = this.#freeSlots[--this.#freeCount] ?? 0;
    this.#keys.set(this.#key, slot * KEY_WORDS);
    this.#hashes[slot] = this.#keyHash;
    this.#usedAtMs[slot] = nowMs;
    let place = this.#keyHash & this.#mask;
    while (this.#index[place] !== FREE) place = (place + 1) & this.#mask;
    this.#index[place] = slot + 1;
    const guestPlace = this.#placeFor(this.#key[Key.guest] ?? 0);
    this.#placeOf[slot] = guestPlace;
    this.#countOf[guestPlace] = (this.#countOf[guestPlace] ?? 0) + 1;
    this.#idle.append(ALL, slot);
    this.#idleOfGuest.append(guestPlace, slot);
    this.#lastFound = slot;
    return slot;
  }

  /** Notes that a session is in use. */
  use(slot: number, nowMs: number): void {
    this.#usedAtMs[slot] = nowMs;
    this.#idle.renew(ALL, slot);
    this.#idleOfGuest.renew(this.#placeOf[slot] ?? 0, slot);
  }

  /** @see Knuth, The Art of Computer Programming 3, §6.4, algorithm R */
  remove(slot: number): void {
    const index = this.#index;
    const mask = this.#mask;
    let hole = (this.#hashes[slot] ?? 0) & mask;
    while (index[hole] !== slot + 1) hole = (hole + 1) & mask;
    for (let next = (hole + 1) & mask; index[next] !== FREE; next = (next + 1) & mask) {
      const home = (this.#hashes[(index[next] ?? 0) - 1] ?? 0) & mask;
      if (((next - home) & mask) < ((next - hole) & mask)) continue;
      index[hole] = index[next] ?? FREE;
      hole = next;
    }
    index[hole] = FREE;
    this.#keys[slot * KEY_WORDS + Key.family] = FREE;
    const place = this.#placeOf[slot] ?? 0;
    this.#idle.remove(ALL, slot);
    this.#idleOfGuest.remove(place, slot);
    this.#countOf[place] = (this.#countOf[place] ?? 0) - 1;
    if (this.#countOf[place] === 0) {
      this.#places.delete(this.guest(slot));
      this.#freePlaces.push(place);
    }
    this.#freeSlots[this.#freeCount++] = slot;
  }

  /** @returns A session that was idle for too long, NONE when there is none. */
  expired(nowMs: number): number {
    const slot = this.#idle.first(ALL);
    return slot !== NONE && this.idleMs(slot, nowMs) >= this.limits.idleMs ? slot : NONE;
  }

  /** @returns A session of a guest, NONE when it has none. */
  ofGuest(guest: number): number {
    const place = this.#places.get(guest);
    return place === undefined ? NONE : this.#idleOfGuest.first(place);
  }

  /** The session that was idle the longest, and with `next` all others; finish before changing anything. */
  first(): number {
    return this.#idle.first(ALL);
  }

  next(slot: number): number {
    return this.#idle.next(slot);
  }

  /** The slot is a used one, here and below. */
  idleMs(slot: number, nowMs: number): number {
    return nowMs - (this.#usedAtMs[slot] ?? 0);
  }

  guest(slot: number): number {
    return this.#keys[slot * KEY_WORDS + Key.guest] ?? 0;
  }

  family(slot: number): 4 | 6 {
    return this.#keys[slot * KEY_WORDS + Key.family] === 4 ? 4 : 6;
  }

  sourcePort(slot: number): number {
    return (this.#keys[slot * KEY_WORDS + Key.ports] ?? 0) >>> 16;
  }

  destinationPort(slot: number): number {
    return (this.#keys[slot * KEY_WORDS + Key.ports] ?? 0) & 0xffff;
  }

  /** Writes the guest's address, 4 or 16 bytes. */
  writeSource(slot: number, view: DataView, at: number): void {
    this.#writeAddress(slot * KEY_WORDS + Key.source, this.family(slot), view, at);
  }

  /** Writes the address that the guest sends to. */
  writeDestination(slot: number, view: DataView, at: number): void {
    this.#writeAddress(slot * KEY_WORDS + Key.destination, this.family(slot), view, at);
  }

  #writeAddress(word: number, family: 4 | 6, view: DataView, at: number): void {
    const words = family === 4 ? 1 : 4;
    for (let i = 0; i < words; i++) view.setInt32(at + i * 4, this.#keys[word + i] ?? 0);
  }

  #isBusy(slot: number, nowMs: number): boolean {
    return slot === NONE || this.idleMs(slot, nowMs) < this.limits.busyMs;
  }

  #isKeyOf(slot: number): boolean {
    const key = this.#key;
    const keys = this.#keys;
    const at = slot * KEY_WORDS;
    for (let i = 0; i <= Key.family; i++) if (keys[at + i] !== key[i]) return false;
    return true;
  }

  #hashOfKey(): number {
    const key = this.#key;
    const hash = this.#hash;
    hash.absorb(key[0] ?? 0, key[1] ?? 0, key[2] ?? 0, key[3] ?? 0);
    hash.absorb(key[4] ?? 0, key[5] ?? 0, key[6] ?? 0, key[7] ?? 0);
    return hash.finish(key[8] ?? 0, key[9] ?? 0, key[10] ?? 0, 0);
  }

  #placeFor(guest: number): number {
    const existing = this.#places.get(guest);
    if (existing !== undefined) return existing;
    // A guest has a session at least, so there are as many places as sessions.
    const place = this.#freePlaces.pop() ?? 0;
    this.#places.set(guest, place);
    return place;
  }
}
