/**
 * Behind which VTEP a station is: MAC address → VTEP, learned from what came in.
 *
 * Open addressing in typed arrays: a station is in one of PROBES slots from its hash on, or not in
 * the table. So a lookup costs the same whatever was removed and whatever a stranger sends, and the
 * price of a full window is that one more station is flooded to all VTEPs.
 *
 * @see RFC 7348 §4.1, §4.2
 */
import { KeyedHash } from './keyed-hash.ts';

/** As Linux's vxlan and bridges. */
export const STATION_AGEING_MS = 300_000;
/** Slots that may hold a station. Half of all slots are free at least, so that a window is hardly ever full. */
const PROBES = 16;
const FREE = -1;
const GROUP_BIT = 0x0100;

/** For people. */
export interface Station {
  readonly mac: string;
  readonly vtep: number;
  readonly ageMs: number;
}

/** Owned by one port of one worker. */
export class VtepTable {
  readonly #hash: KeyedHash;
  readonly #maxStations: number;
  readonly #ageingMs: number;
  readonly #mask: number;
  /** Upper 16 and lower 32 bits of the address. */
  readonly #high: Uint16Array;
  readonly #low: Int32Array;
  readonly #vtep: Int16Array;
  readonly #seenAtMs: Float64Array;
  #size = 0;

  /**
   * @param maxStations Beyond, no more are learned; aged ones count until the next sweep.
   * @param seed As KeyedHash takes it.
   */
  constructor(maxStations: number, seed: Uint32Array, ageingMs = STATION_AGEING_MS) {
    const slots = 2 ** Math.ceil(Math.log2(Math.max(2 * maxStations, PROBES)));
    this.#hash = new KeyedHash(seed);
    this.#maxStations = maxStations;
    this.#ageingMs = ageingMs;
    this.#mask = slots - 1;
    this.#high = new Uint16Array(slots);
    this.#low = new Int32Array(slots);
    this.#vtep = new Int16Array(slots).fill(FREE);
    this.#seenAtMs = new Float64Array(slots);
  }

  /** Stations in the table. */
  get size(): number {
    return this.#size;
  }

  /**
   * @returns The VTEP of the station whose address is at `macAt`, -1 for an unknown one. Ages with
   *   `sweep` alone: a time read from a field would be boxed for every frame.
   */
  lookup(view: DataView, macAt: number): number {
    const slot = this.#find(view.getUint16(macAt), view.getInt32(macAt + 2));
    return slot < 0 ? -1 : (this.#vtep[slot] ?? -1);
  }

  /**
   * Notes that the station at `macAt` is behind a VTEP; it may have moved there.
   *
   * @returns Whether it is in the table: not for addresses that are no station's, nor when there is no room.
   */
  learn(view: DataView, macAt: number, vtep: number, nowMs: number): boolean {
    const high = view.getUint16(macAt);
    const low = view.getInt32(macAt + 2);
    if ((high & GROUP_BIT) !== 0 || (high | low) === 0) return false;
    let slot = this.#find(high, low);
    if (slot < 0) {
      slot = this.#vacancy(high, low, nowMs);
      if (slot < 0) return false;
      this.#high[slot] = high;
      this.#low[slot] = low;
    }
    this.#vtep[slot] = vtep;
    this.#seenAtMs[slot] = nowMs;
    return true;
  }

  /** Removes aged stations and those of VTEPs that are none any more. @param isLive By VTEP; 0 for none. */
  sweep(nowMs: number, isLive: Uint8Array): void {
    for (let slot = 0; slot <= this.#mask; slot++) {
      const vtep = this.#vtep[slot] ?? FREE;
      if (vtep === FREE || (!this.#isAged(slot, nowMs) && isLive[vtep] !== 0)) continue;
      this.#vtep[slot] = FREE;
      this.#size--;
    }
  }

  /** All, in no order. Allocates. */
  *stations(nowMs: number): Generator<Station> {
    for (const [slot, vtep] of this.#vtep.entries()) {
      if (vtep === FREE) continue;
      const hex = (n: number | undefined, digits: number) =>
        ((n ?? 0) >>> 0).toString(16).padStart(digits, '0');
      const digits = hex(this.#high[slot], 4) + hex(this.#low[slot], 8);
      const mac = digits.match(/../g)?.join(':') ?? '';
      yield { mac, vtep, ageMs: nowMs - (this.#seenAtMs[slot] ?? 0) };
    }
  }

  /** @returns The station's slot, -1 when it has none. */
  #find(high: number, low: number): number {
    const start = this.#hash.of(high, low, 0, 0);
    for (let i = 0; i < PROBES; i++) {
      const slot = (start + i) & this.#mask;
      if (this.#low[slot] === low && this.#high[slot] === high && this.#vtep[slot] !== FREE) return slot;
    }
    return -1;
  }

  /** @returns A slot for a station that has none, an aged one's if need be, -1 when there is no room. */
  #vacancy(high: number, low: number, nowMs: number): number {
    const start = this.#hash.of(high, low, 0, 0);
    const isFull = this.#size >= this.#maxStations;
    for (let i = 0; i < PROBES; i++) {
      const slot = (start + i) & this.#mask;
      if (this.#vtep[slot] !== FREE) {
        if (this.#isAged(slot, nowMs)) return slot;
      } else if (!isFull) {
        this.#size++;
        return slot;
      }
    }
    return -1;
  }

  #isAged(slot: number, nowMs: number): boolean {
    return nowMs - (this.#seenAtMs[slot] ?? 0) > this.#ageingMs;
  }
}
