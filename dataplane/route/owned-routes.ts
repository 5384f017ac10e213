/** Which routes each owner has: a ring through the routes themselves, so that none is copied. */

import type { RouteEntry } from './route-entry.ts';

export class OwnedRoutes<Owner> {
  /** The oldest route of each owner; its `previous` is the newest, whose `next` it is. */
  private readonly oldest = new Map<Owner, RouteEntry<Owner>>();

  add(entry: RouteEntry<Owner>): void {
    const first = this.oldest.get(entry.owner);
    if (first === undefined) {
      this.oldest.set(entry.owner, entry);
      return;
    }
    entry.previous = first.previous;
    entry.next = first;
    first.previous.next = entry;
    first.previous = entry;
  }

  remove(entry: RouteEntry<Owner>): void {
    const { owner, previous, next } = entry;
    if (next === entry) this.oldest.delete(owner);
    else if (this.oldest.get(owner) === entry) this.oldest.set(owner, next);
    previous.next = next;
    next.previous = previous;
    entry.previous = entry;
    entry.next = entry;
  }

  oldestOf(owner: Owner): RouteEntry<Owner> | undefined {
    return this.oldest.get(owner);
  }

  /** The owner's routes in the order in which they were added, a copy. */
  of(owner: Owner): RouteEntry<Owner>[] {
    return this.where(owner, () => true);
  }

  /** Those of the owner's routes for which `isWanted`, in order, a copy. */
  where(owner: Owner, isWanted: (entry: RouteEntry<Owner>) => boolean): RouteEntry<Owner>[] {
    const first = this.oldest.get(owner);
    const found: RouteEntry<Owner>[] = [];
    if (first === undefined) return found;
    let entry = first;
    do {
      if (isWanted(entry)) found.push(entry);
      entry = entry.next;
    } while (entry !== first);
    return found;
  }
}
