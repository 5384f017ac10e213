/**
 * All routes to one destination prefix: what the table by destination holds.
 *
 * Most destinations have one route, and it is that route alone. A few routes are a list, longest
 * source first; from many on an index takes its place, so that no number of sources makes a
 * packet expensive.
 */

import { Lpm } from './lpm.ts';
import { addressBits, type Prefix } from './prefix.ts';
import type { RouteEntry } from './route-entry.ts';

/** Most routes in a list. */
const LIST_MAX = 8;
/** Routes that are left when an index becomes a list again; fewer, so that changes don't swing. */
const INDEX_MIN = 4;

export type Destination<Owner> = RouteEntry<Owner> | SourceIndex<Owner>;

/** Many routes to one destination. */
class SourceIndex<Owner> {
  readonly dstLength: number;
  private readonly srcBits: number;
  private readonly bySource: Lpm<RouteEntry<Owner>>;
  /** How many of the routes each owner has. */
  private readonly owners = new Map<Owner, number>();
  size = 0;

  constructor(family: 4 | 6, dstLength: number) {
    this.dstLength = dstLength;
    this.srcBits = addressBits(family);
    this.bySource = new Lpm(family);
  }

  /** The route of the longest source for the one at `at`. Allocates nothing. */
  match(view: DataView, at: number): RouteEntry<Owner> | null {
    return this.bySource.lookup(view, at, this.srcBits) ?? null;
  }

  find(src: Prefix): RouteEntry<Owner> | null {
    return this.bySource.get(src) ?? null;
  }

  hasOwner(owner: Owner): boolean {
    return this.owners.has(owner);
  }

  entries(): Iterable<RouteEntry<Owner>> {
    return this.bySource.values();
  }

  add(entry: RouteEntry<Owner>): void {
    this.bySource.insert(entry.src, entry);
    this.owners.set(entry.owner, (this.owners.get(entry.owner) ?? 0) + 1);
    this.size++;
  }

  remove(entry: RouteEntry<Owner>): void {
    this.bySource.remove(entry.src);
    const left = (this.owners.get(entry.owner) ?? 0) - 1;
    if (left > 0) this.owners.set(entry.owner, left);
    else this.owners.delete(entry.owner);
    this.size--;
  }
}

/** Adds a route whose source is new. @returns What the destination is from now on. */
export function withRoute<Owner>(
  routes: Destination<Owner> | undefined,
  entry: RouteEntry<Owner>,
): Destination<Owner> {
  if (routes === undefined) return entry;
  if (routes instanceof SourceIndex) {
    routes.add(entry);
    return routes;
  }
  if (lengthOf(routes) < LIST_MAX) return inserted(routes, entry);
  const index = new SourceIndex<Owner>(entry.family, entry.dstLength);
  for (const listed of unlinked(routes)) index.add(listed);
  index.add(entry);
  return index;
}

/** Removes a route that is there. @returns What is left, undefined for nothing. */
export function withoutRoute<Owner>(
  routes: Destination<Owner>,
  entry: RouteEntry<Owner>,
): Destination<Owner> | undefined {
  if (!(routes instanceof SourceIndex)) return removed(routes, entry);
  routes.remove(entry);
  if (routes.size > INDEX_MIN) return routes;
  let list: RouteEntry<Owner> | undefined;
  for (const left of routes.entries()) list = list === undefined ? left : inserted(list, left);
  return list;
}

function lengthOf<Owner>(first: RouteEntry<Owner>): number {
  let length = 1;
  for (let entry = first.nextSource; entry !== null; entry = entry.nextSource) length++;
  return length;
}

/** @returns The first of the list. */
function inserted<Owner>(first: RouteEntry<Owner>, entry: RouteEntry<Owner>): RouteEntry<Owner> {
  if (entry.srcLength >= first.srcLength) {
    entry.nextSource = first;
    return entry;
  }
  let before = first;
  while (before.nextSource !== null && before.nextSource.srcLength > entry.srcLength) {
    before = before.nextSource;
  }
  entry.nextSource = before.nextSource;
  before.nextSource = entry;
  return first;
}

/** @returns The first of the list, undefined when there is none left. */
function removed<Owner>(first: RouteEntry<Owner>, entry: RouteEntry<Owner>): RouteEntry<Owner> | undefined {
  const after = entry.nextSource;
  entry.nextSource = null;
  if (first === entry) return after ?? undefined;
  let before: RouteEntry<Owner> | null = first;
  while (before !== null && before.nextSource !== entry) before = before.nextSource;
  if (before !== null) before.nextSource = after;
  return first;
}

/** The routes of a list, which is none any more. */
function unlinked<Owner>(first: RouteEntry<Owner>): RouteEntry<Owner>[] {
  const entries: RouteEntry<Owner>[] = [];
  for (let entry: RouteEntry<Owner> | null = first; entry !== null; entry = entry.nextSource) {
    entries.push(entry);
  }
  for (const entry of entries) entry.nextSource = null;
  return entries;
}
