/**
 * Cryptokey routes of one network: which peer owns a pair of destination and source.
 *
 * Outbound, the longest destination prefix decides that has a source prefix for the packet,
 * then the longest source. Inbound, the same table is read the other way round: a packet from
 * a peer must be one whose reply would go to that peer.
 */

import { Lpm } from './lpm.ts';
import { OwnerCache } from './owner-cache.ts';
import { addressBits, formatPrefix, type Prefix } from './prefix.ts';
import { RouteCollisionError } from './route-collision-error.ts';

export interface Route {
  readonly dst: Prefix;
  readonly src: Prefix;
}

/** Result of RouteTable.check(). */
export const RouteCheck = { ok: 0, sourceNotAllowed: 1, destinationNotAllowed: 2 } as const;
export type RouteCheck = (typeof RouteCheck)[keyof typeof RouteCheck];

interface Entry<Owner> extends Route {
  readonly owner: Owner;
}

/** All routes with one destination prefix. */
interface Bucket<Owner> {
  /** Length of that prefix. */
  readonly length: number;
  readonly bySource: Lpm<Entry<Owner>>;
  /** How many of the routes each owner has. */
  readonly owners: Map<Owner, number>;
}

/** Owners are compared by identity. Lookups allocate nothing. Not shared between threads. */
export class RouteTable<Owner extends object> {
  private readonly byDst4 = new Lpm<Bucket<Owner>>(4);
  private readonly byDst6 = new Lpm<Bucket<Owner>>(6);
  private readonly latest4 = new OwnerCache<Owner>(4);
  private readonly latest6 = new OwnerCache<Owner>(6);
  private readonly owned = new Map<Owner, Set<Entry<Owner>>>();

  /**
   * Adds a route; one that its owner already has stays as it is.
   *
   * @returns Whether the table changed.
   * @throws {RangeError} `dst` and `src` are of different families.
   * @throws {RouteCollisionError} Another owner has this route.
   */
  add(dst: Prefix, src: Prefix, owner: Owner): boolean {
    this.validate(dst, src, owner);
    if (this.find(dst, src) !== undefined) return false;
    this.insert({ dst, src, owner });
    return true;
  }

  /** Removes exactly this route. @returns false when there is none, or it is another owner's. */
  remove(dst: Prefix, src: Prefix, owner: Owner): boolean {
    const entry = this.find(dst, src);
    if (entry?.owner !== owner) return false;
    this.delete(entry);
    return true;
  }

  /**
   * Makes `routes` the owner's only ones. All are checked before anything changes, and no
   * lookup can come in between.
   *
   * @throws {RangeError} A pair mixes families or comes twice.
   * @throws {RouteCollisionError} Another owner has one of them.
   */
  replaceOwned(owner: Owner, routes: readonly Route[]): void {
    const seen = new Set<string>();
    for (const route of routes) {
      this.validate(route.dst, route.src, owner);
      const key = formatRoute(route);
      if (seen.has(key)) throw new RangeError(`Cannot use routes: ${key} comes twice`);
      seen.add(key);
    }
    for (const entry of [...(this.owned.get(owner) ?? [])]) this.delete(entry);
    for (const { dst, src } of routes) this.insert({ dst, src, owner });
  }

  /** The owner's routes, a copy. */
  routesOf(owner: Owner): Route[] {
    return [...(this.owned.get(owner) ?? [])].map(({ dst, src }) => ({ dst, src }));
  }

  /**
   * Who gets a packet.
   *
   * @param family Of both addresses: 4 or 6.
   * @param dstAt  Offset of the destination address.
   * @param srcAt  Offset of the source address.
   */
  lookup(view: DataView, family: 4 | 6, dstAt: number, srcAt: number): Owner | null {
    const latest = family === 4 ? this.latest4 : this.latest6;
    const known = latest.find(view, dstAt, srcAt);
    if (known !== null) return known;
    const owner = this.search(view, family, dstAt, srcAt);
    if (owner !== null) latest.remember(view, dstAt, srcAt, owner);
    return owner;
  }

  private search(view: DataView, family: 4 | 6, dstAt: number, srcAt: number): Owner | null {
    const byDst = this.byDst(family);
    const bits = addressBits(family);
    let bucket = byDst.lookup(view, dstAt, bits);
    while (bucket !== undefined) {
      const entry = bucket.bySource.lookup(view, srcAt, bits);
      if (entry !== undefined) return entry.owner;
      bucket = byDst.lookup(view, dstAt, bucket.length - 1);
    }
    return null;
  }

  /**
   * Whether a packet that came from `owner` may be delivered: its reply must go there.
   *
   * `destinationNotAllowed` when the owner has routes for the longest prefix with the inner
   * source, but not towards this inner destination; else `sourceNotAllowed`.
   */
  check(view: DataView, family: 4 | 6, innerSrcAt: number, innerDstAt: number, owner: Owner): RouteCheck {
    if (this.lookup(view, family, innerSrcAt, innerDstAt) === owner) return RouteCheck.ok;
    const bucket = this.byDst(family).lookup(view, innerSrcAt, addressBits(family));
    return bucket?.owners.has(owner) === true
      ? RouteCheck.destinationNotAllowed
      : RouteCheck.sourceNotAllowed;
  }

  private forget(family: 4 | 6): void {
    (family === 4 ? this.latest4 : this.latest6).clear();
  }

  private byDst(family: 4 | 6): Lpm<Bucket<Owner>> {
    return family === 4 ? this.byDst4 : this.byDst6;
  }

  private find(dst: Prefix, src: Prefix): Entry<Owner> | undefined {
    return this.byDst(dst.family).get(dst)?.bySource.get(src);
  }

  private validate(dst: Prefix, src: Prefix, owner: Owner): void {
    if (dst.family !== src.family) {
      throw new RangeError(`Cannot use route ${formatRoute({ dst, src })}: one is IPv4, the other IPv6`);
    }
    const existing = this.find(dst, src);
    if (existing !== undefined && existing.owner !== owner) throw new RouteCollisionError(dst, src);
  }

  private insert(entry: Entry<Owner>): void {
    const { dst, src, owner } = entry;
    this.forget(dst.family);
    const byDst = this.byDst(dst.family);
    let bucket = byDst.get(dst);
    if (bucket === undefined) {
      bucket = { length: dst.length, bySource: new Lpm(dst.family), owners: new Map() };
      byDst.insert(dst, bucket);
    }
    bucket.bySource.insert(src, entry);
    bucket.owners.set(owner, (bucket.owners.get(owner) ?? 0) + 1);
    const owned = this.owned.get(owner);
    if (owned === undefined) this.owned.set(owner, new Set([entry]));
    else owned.add(entry);
  }

  private delete(entry: Entry<Owner>): void {
    const { dst, src, owner } = entry;
    this.forget(dst.family);
    const byDst = this.byDst(dst.family);
    const bucket = byDst.get(dst);
    if (bucket === undefined) return;
    bucket.bySource.remove(src);
    if (bucket.bySource.isEmpty) byDst.remove(dst);
    const left = (bucket.owners.get(owner) ?? 0) - 1;
    if (left > 0) bucket.owners.set(owner, left);
    else bucket.owners.delete(owner);
    const owned = this.owned.get(owner);
    owned?.delete(entry);
    if (owned?.size === 0) this.owned.delete(owner);
  }
}

function formatRoute(route: Route): string {
  return `${formatPrefix(route.dst)} from ${formatPrefix(route.src)}`;
}
