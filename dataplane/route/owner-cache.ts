/**
 * Remembers whose the last pairs of addresses were, in front of a route table.
 *
 * Packets come in runs and flows; a pair that was looked up lately costs one hash and a compare
 * instead of a search of every prefix length, however many routes there are. Direct-mapped: two
 * pairs in one place push each other out, which costs a search and nothing else.
 */

const PLACES_LOG2 = 8;
const PLACES = 1 << PLACES_LOG2;
/** Destination and source of IPv6; IPv4 uses the first of each. */
const PAIR_WORDS = 8;
/** 2^32 divided by the golden ratio, odd. @see Knuth, The Art of Computer Programming 3, §6.4 */
const GOLDEN = 0x9e3779b1;

/** Owned by one thread, as its table. Words are signed, which V8 needs no object for. */
export class OwnerCache<Owner extends object> {
  readonly #words: number;
  readonly #pairs = new Int32Array(PLACES * PAIR_WORDS);
  readonly #owners: (Owner | null)[] = new Array<Owner | null>(PLACES).fill(null);
  #isEmpty = true;

  /** @param family Of the addresses: 4 or 6. */
  constructor(family: 4 | 6) {
    this.#words = family === 4 ? 1 : 4;
  }

  /** @returns null for a pair that is not remembered. */
  find(view: DataView, dstAt: number, srcAt: number): Owner | null {
    const place = this.#placeOf(view, dstAt, srcAt);
    const owner = this.#owners[place] ?? null;
    if (owner === null) return null;
    const at = place * PAIR_WORDS;
    for (let i = 0; i < this.#words; i++) {
      if (view.getInt32(dstAt + i * 4) !== this.#pairs[at + i]) return null;
      if (view.getInt32(srcAt + i * 4) !== this.#pairs[at + 4 + i]) return null;
    }
    return owner;
  }

  remember(view: DataView, dstAt: number, srcAt: number, owner: Owner): void {
    const place = this.#placeOf(view, dstAt, srcAt);
    const at = place * PAIR_WORDS;
    for (let i = 0; i < this.#words; i++) {
      this.#pairs[at + i] = view.getInt32(dstAt + i * 4);
      this.#pairs[at + 4 + i] = view.getInt32(srcAt + i * 4);
    }
    this.#owners[place] = owner;
    this.#isEmpty = false;
  }

  /** To be called whenever the table behind it changed. */
  clear(): void {
    if (!this.#isEmpty) this.#owners.fill(null);
    this.#isEmpty = true;
  }

  #placeOf(view: DataView, dstAt: number, srcAt: number): number {
    let mixed = 0;
    for (let i = 0; i < this.#words; i++) {
      mixed = Math.imul(mixed ^ view.getInt32(dstAt + i * 4), GOLDEN);
      mixed = Math.imul(mixed ^ view.getInt32(srcAt + i * 4) ^ (mixed >>> 15), GOLDEN);
    }
    return mixed >>> (32 - PLACES_LOG2);
  }
}
