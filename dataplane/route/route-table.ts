/**
 * Cryptokey routes of one network: which peer owns a pair of destination and source.
 *
 * Outbound, the longest destination prefix decides that has a source prefix for the packet,
 * then the longest source. Inbound, the same table is read the other way round: a packet from
 * a peer must be one whose reply would go to that peer.
 */

import { type Destination, withoutRoute, withRoute } from './destination.ts';
import { Lpm } from './lpm.ts';
import { OwnedRoutes } from './owned-routes.ts';
import { OwnerCache } from './owner-cache.ts';
import { addressBits, formatPrefix, type Prefix } from './prefix.ts';
import { RouteCollisionError } from './route-collision-error.ts';
import { RouteEntry } from './route-entry.ts';

export interface Route {
  readonly dst: Prefix;
  readonly src: Prefix;
}

/** Result of RouteTable.check(). */
export const RouteCheck = { ok: 0, sourceNotAllowed: 1, destinationNotAllowed: 2 } as const;
export type RouteCheck = (typeof RouteCheck)[keyof typeof RouteCheck];

/** Owners are compared by identity. Lookups allocate nothing. Not shared between threads. */
export class RouteTable<Owner extends object> {
  private readonly byDst4 = new Lpm<Destination<Owner>>(4);
  private readonly byDst6 = new Lpm<Destination<Owner>>(6);
  private readonly latest4 = new OwnerCache<Owner>(4);
  private readonly latest6 = new OwnerCache<Owner>(6);
  private readonly owned = new OwnedRoutes<Owner>();
  private replacements = 0;

  /**
   * Adds a route; one that its owner already has stays as it is.
   *
   * @returns Whether the table changed.
   * @throws {RangeError} `dst` and `src` are of different families.
   * @throws {RouteCollisionError} Another owner has this route.
   */
  add(dst: Prefix, src: Prefix, owner: Owner): boolean {
    if (this.own(dst, src, owner) !== null) return false;
    this.insert(new RouteEntry(dst, src, owner));
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
   * Makes `routes` the owner's only ones; those that it has already are not touched. After an
   * error, of the iterable's own too, all is as before, and no lookup can come in between.
   *
   * @throws {RangeError} A pair mixes families or comes twice.
   * @throws {RouteCollisionError} Another owner has one of them.
   */
  replaceOwned(owner: Owner, routes: Iterable<Route>): void {
    const mark = ++this.replacements;
    const added: RouteEntry<Owner>[] = [];
    // Routes mostly come in the order of the last time: then none needs to be searched for.
    let expected = this.owned.oldestOf(owner);
    try {
      for (const { dst, src } of routes) {
        const known = expected?.isFor(dst, src) ? expected : this.own(dst, src, owner);
        if (known?.mark === mark) {
          throw new RangeError(`Cannot use routes: ${formatRoute({ dst, src })} comes twice`);
        }
        const entry = known ?? new RouteEntry(dst, src, owner);
        entry.mark = mark;
        if (known !== null) {
          expected = known.next;
          continue;
        }
        this.insert(entry);
        added.push(entry);
      }
    } catch (error) {
      for (const entry of added) this.delete(entry);
      throw error;
    }
    for (const entry of this.owned.where(owner, (entry) => entry.mark !== mark)) this.delete(entry);
  }

  /** The owner's routes in the order in which they were added, a copy. */
  routesOf(owner: Owner): Route[] {
    return this.owned.of(owner).map(({ dst, src }) => ({ dst, src }));
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

  /** Whether anybody has routes to the address, from whatever source. Allocates nothing. */
  reaches(view: DataView, family: 4 | 6, dstAt: number): boolean {
    return this.byDst(family).lookup(view, dstAt, addressBits(family)) !== undefined;
  }

  private search(view: DataView, family: 4 | 6, dstAt: number, srcAt: number): Owner | null {
    const byDst = this.byDst(family);
    let routes = byDst.lookup(view, dstAt, addressBits(family));
    while (routes !== undefined) {
      const entry = routes.match(view, srcAt);
      if (entry !== null) return entry.owner;
      routes = byDst.lookup(view, dstAt, routes.dstLength - 1);
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
    const routes = this.byDst(family).lookup(view, innerSrcAt, addressBits(family));
    return routes?.hasOwner(owner) === true ? RouteCheck.destinationNotAllowed : RouteCheck.sourceNotAllowed;
  }

  private forget(family: 4 | 6): void {
    (family === 4 ? this.latest4 : this.latest6).clear();
  }

  private byDst(family: 4 | 6): Lpm<Destination<Owner>> {
    return family === 4 ? this.byDst4 : this.byDst6;
  }

  private find(dst: Prefix, src: Prefix): RouteEntry<Owner> | null {
    if (dst.family !== src.family) return null;
    return this.byDst(dst.family).get(dst)?.find(src) ?? null;
  }

  /** The route where the owner has it, null where nobody has. @throws as `add`. */
  private own(dst: Prefix, src: Prefix, owner: Owner): RouteEntry<Owner> | null {
    if (dst.family !== src.family) {
      throw new RangeError(`Cannot use route ${formatRoute({ dst, src })}: one is IPv4, the other IPv6`);
    }
    const entry = this.find(dst, src);
    if (entry !== null && entry.owner !== owner) throw new RouteCollisionError(dst, src);
    return entry;
  }

  private insert(entry: RouteEntry<Owner>): void {
    const { dst, family } = entry;
    this.forget(family);
    const byDst = this.byDst(family);
    byDst.insert(dst, withRoute(byDst.get(dst), entry));
    this.owned.add(entry);
  }

  private delete(entry: RouteEntry<Owner>): void {
    const { dst, family } = entry;
    this.forget(family);
    const byDst = this.byDst(family);
    const routes = byDst.get(dst);
    if (routes === undefined) return;
    const left = withoutRoute(routes, entry);
    if (left === undefined) byDst.remove(dst);
    else if (left !== routes) byDst.insert(dst, left);
    this.owned.remove(entry);
  }
}

function formatRoute(route: Route): string {
  return `${formatPrefix(route.dst)} from ${formatPrefix(route.src)}`;
}
