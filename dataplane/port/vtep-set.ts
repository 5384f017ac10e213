/**
 * The VTEPs at the other end of one tunnel: configured ones, and learned ones that age.
 *
 * A VTEP is known by its address alone: outer source ports vary from flow to flow (RFC 7348 §5).
 * The place of a VTEP in the set stays until it is removed.
 */
import { ENDPOINT_LEN, ENDPOINT_WORDS, writeEndpoint } from '../wire/endpoint.ts';
import { KeyedHash } from './keyed-hash.ts';

/** VTEPs of one tunnel. */
export const MAX_VTEPS = 1_024;

export const VtepKind = { free: 0, learned: 1, configured: 2 } as const;
export type VtepKind = (typeof VtepKind)[keyof typeof VtepKind];

/** Four times the VTEPs: with linear probing, chains are short then. */
const SLOTS = 4 * MAX_VTEPS;

/** Owned by one port of one worker. */
export class VtepSet {
  /** By place; 0 where there is none. */
  readonly kinds = new Uint8Array(MAX_VTEPS);
  readonly #maxVteps: number;
  readonly #hash: KeyedHash;
  readonly #endpoints: readonly Uint32Array[];
  readonly #seenAtMs = new Float64Array(MAX_VTEPS);
  /** Place + 1 of the VTEP, 0 for none. */
  readonly #slots = new Int16Array(SLOTS);
  readonly #scratch = new DataView(new ArrayBuffer(ENDPOINT_LEN));
  #size = 0;
  /** Frames come in runs from one VTEP. */
  #last = 0;

  /** @param maxVteps At most MAX_VTEPS. */
  constructor(maxVteps: number, seed: Uint32Array) {
    this.#maxVteps = maxVteps;
    this.#hash = new KeyedHash(seed);
    this.#endpoints = Array.from({ length: maxVteps }, () => new Uint32Array(ENDPOINT_WORDS));
  }

  get size(): number {
    return this.#size;
  }

  /** Endpoint record that frames to a VTEP go to, as five words. */
  endpoint(place: number): Uint32Array {
    const words = this.#endpoints[place];
    if (words === undefined) throw new RangeError(`no VTEP has place ${place}`);
    return words;
  }

  /** @returns Place of the VTEP whose address the endpoint record at `recordAt` has, -1 for none. */
  find(view: DataView, recordAt: number): number {
    const last = this.#last;
    if (this.kinds[last] !== VtepKind.free && this.#equals(last, view, recordAt)) return last;
    const start = this.#hash.of(
      view.getInt32(recordAt),
      view.getInt32(recordAt + 4),
      view.getInt32(recordAt + 8),
      view.getInt32(recordAt + 12),
    );
    for (let i = 0; i < SLOTS; i++) {
      const place = (this.#slots[(start + i) & (SLOTS - 1)] ?? 0) - 1;
      if (place < 0) return -1;
      if (this.#equals(place, view, recordAt)) {
        this.#last = place;
        return place;
      }
    }
    return -1;
  }

  /**
   * Adds a VTEP that is not in the set.
   *
   * @param recordAt Endpoint record with its address.
   * @param port UDP port that frames to it go to.
   * @returns Its place, -1 when the set is full.
   */
  add(view: DataView, recordAt: number, port: number, kind: VtepKind, nowMs: number): number {
    if (this.#size >= this.#maxVteps) return -1;
    const place = this.kinds.indexOf(VtepKind.free);
    const words = this.endpoint(place);
    for (let i = 0; i < 4; i++) words[i] = view.getUint32(recordAt + i * 4);
    words[4] = port << 16;
    this.kinds[place] = kind;
    this.#seenAtMs[place] = nowMs;
    this.#size++;
    this.#insert(place);
    return place;
  }

  /**
   * Removes configured VTEPs that are not among `endpoints`; learned ones too where they leave no
   * room for those. Only set-up code calls it.
   *
   * @param endpoints At most as many as the set takes.
   */
  retain(endpoints: readonly Uint32Array[]): void {
    const places = endpoints.map((words) => this.#placeOf(words));
    this.#removeWhere(places, VtepKind.configured);
    const missing = places.filter((place) => place < 0).length;
    if (this.#size + missing > this.#maxVteps) this.#removeWhere(places, VtepKind.learned);
  }

  /** Adds what `retain` made room for; what was learned is configured from now on. */
  configure(endpoints: readonly Uint32Array[]): void {
    for (const words of endpoints) {
      const port = (words[4] ?? 0) >>> 16;
      const place = this.#placeOf(words);
      if (place < 0) {
        this.add(this.#scratch, 0, port, VtepKind.configured, 0);
      } else {
        this.kinds[place] = VtepKind.configured;
        this.endpoint(place)[4] = port << 16;
      }
    }
  }

  /** Notes that a VTEP lives. */
  seen(place: number, nowMs: number): void {
    this.#seenAtMs[place] = nowMs;
  }

  /** Removes learned VTEPs that were silent for longer than `ageingMs`. @returns Whether there were any. */
  sweep(nowMs: number, ageingMs: number): boolean {
    const before = this.#size;
    for (let place = 0; place < this.#maxVteps; place++) {
      if (this.kinds[place] !== VtepKind.learned) continue;
      if (nowMs - (this.#seenAtMs[place] ?? 0) <= ageingMs) continue;
      this.kinds[place] = VtepKind.free;
      this.#size--;
    }
    if (this.#size === before) return false;
    this.#rebuild();
    return true;
  }

  /** Leaves the endpoint in the scratch record. */
  #placeOf(words: Uint32Array): number {
    writeEndpoint(this.#scratch, 0, words);
    return this.find(this.#scratch, 0);
  }

  #removeWhere(kept: readonly number[], kind: VtepKind): void {
    for (let place = 0; place < this.#maxVteps; place++) {
      if (this.kinds[place] !== kind || kept.includes(place)) continue;
      this.kinds[place] = VtepKind.free;
      this.#size--;
    }
    this.#rebuild();
  }

  #equals(place: number, view: DataView, recordAt: number): boolean {
    const words = this.endpoint(place);
    return (
      view.getUint32(recordAt + 12) === words[3] &&
      view.getUint32(recordAt + 8) === words[2] &&
      view.getUint32(recordAt + 4) === words[1] &&
      view.getUint32(recordAt) === words[0]
    );
  }

  #insert(place: number): void {
    const [a = 0, b = 0, c = 0, d = 0] = this.endpoint(place);
    let slot = this.#hash.of(a | 0, b | 0, c | 0, d | 0) & (SLOTS - 1);
    while (this.#slots[slot] !== 0) slot = (slot + 1) & (SLOTS - 1);
    this.#slots[slot] = place + 1;
  }

  #rebuild(): void {
    this.#slots.fill(0);
    for (let place = 0; place < this.#maxVteps; place++) {
      if (this.kinds[place] !== VtepKind.free) this.#insert(place);
    }
  }
}
