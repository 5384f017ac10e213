/** A route in its table, which is also the list of all routes to its destination. */

import { type Prefix, wordMask } from './prefix.ts';

/**
 * Its prefixes are fields of signed words, which V8 keeps in place: two prefix objects with
 * arrays of words would take as much memory again, twice. IPv4 leaves most words 0; one layout
 * for both keeps look-ups monomorphic.
 */
export class RouteEntry<Owner> {
  readonly owner: Owner;
  readonly family: 4 | 6;
  readonly dstLength: number;
  readonly srcLength: number;
  private readonly dst0: number;
  private readonly dst1: number;
  private readonly dst2: number;
  private readonly dst3: number;
  private readonly src0: number;
  private readonly src1: number;
  private readonly src2: number;
  private readonly src3: number;
  /** Next route to the same destination; its source is no longer than this one's. */
  nextSource: RouteEntry<Owner> | null = null;
  /** Neighbours in the ring of the owner's routes. */
  previous: RouteEntry<Owner> = this;
  next: RouteEntry<Owner> = this;
  /** The last replacement of the owner's routes that gave this one. */
  mark = 0;

  /** `dst` and `src` are of one family. */
  constructor(dst: Prefix, src: Prefix, owner: Owner) {
    this.owner = owner;
    this.family = dst.family;
    this.dstLength = dst.length;
    this.srcLength = src.length;
    this.dst0 = dst.words[0] | 0;
    this.dst1 = dst.words[1] | 0;
    this.dst2 = dst.words[2] | 0;
    this.dst3 = dst.words[3] | 0;
    this.src0 = src.words[0] | 0;
    this.src1 = src.words[1] | 0;
    this.src2 = src.words[2] | 0;
    this.src3 = src.words[3] | 0;
  }

  /** A copy. */
  get dst(): Prefix {
    const words = [this.dst0 >>> 0, this.dst1 >>> 0, this.dst2 >>> 0, this.dst3 >>> 0] as const;
    return { family: this.family, words, length: this.dstLength };
  }

  /** A copy. */
  get src(): Prefix {
    const words = [this.src0 >>> 0, this.src1 >>> 0, this.src2 >>> 0, this.src3 >>> 0] as const;
    return { family: this.family, words, length: this.srcLength };
  }

  /** Whether it is exactly this route. */
  isFor(dst: Prefix, src: Prefix): boolean {
    return (
      dst.family === this.family && src.family === this.family && this.hasDst(dst) && this.hasSource(src)
    );
  }

  /** The first route from here on that is for the source at `at`. Allocates nothing. */
  match(view: DataView, at: number): RouteEntry<Owner> | null {
    let entry: RouteEntry<Owner> | null = this;
    while (entry !== null && !entry.coversSource(view, at)) entry = entry.nextSource;
    return entry;
  }

  /** The route from here on with exactly this source, which is of the same family. */
  find(src: Prefix): RouteEntry<Owner> | null {
    let entry: RouteEntry<Owner> | null = this;
    while (entry !== null && !entry.hasSource(src)) entry = entry.nextSource;
    return entry;
  }

  /** Whether a route from here on is the owner's. */
  hasOwner(owner: Owner): boolean {
    let entry: RouteEntry<Owner> | null = this;
    while (entry !== null && entry.owner !== owner) entry = entry.nextSource;
    return entry !== null;
  }

  /** Reads no further than the prefix goes, so never past an IPv4 address. */
  private coversSource(view: DataView, at: number): boolean {
    const length = this.srcLength;
    if (length === 0) return true;
    if (((view.getInt32(at) ^ this.src0) & wordMask(length, 0)) !== 0) return false;
    if (length <= 32) return true;
    if (((view.getInt32(at + 4) ^ this.src1) & wordMask(length, 1)) !== 0) return false;
    if (length <= 64) return true;
    if (((view.getInt32(at + 8) ^ this.src2) & wordMask(length, 2)) !== 0) return false;
    return length <= 96 || ((view.getInt32(at + 12) ^ this.src3) & wordMask(length, 3)) === 0;
  }

  private hasDst({ words, length }: Prefix): boolean {
    return (
      length === this.dstLength &&
      (words[0] | 0) === this.dst0 &&
      (words[1] | 0) === this.dst1 &&
      (words[2] | 0) === this.dst2 &&
      (words[3] | 0) === this.dst3
    );
  }

  private hasSource({ words, length }: Prefix): boolean {
    return (
      length === this.srcLength &&
      (words[0] | 0) === this.src0 &&
      (words[1] | 0) === this.src1 &&
      (words[2] | 0) === this.src2 &&
      (words[3] | 0) === this.src3
    );
  }
}
