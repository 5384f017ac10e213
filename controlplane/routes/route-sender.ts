/**
 * Keeps a peer told of what this host announces: everything when a connection is up, then changes.
 */
import { MAX_MESSAGE_ROUTES, type RoutesMessage } from '../record/routes-message.ts';
import { type IpPrefix, prefixKey, type RouteSet } from './ip-prefix.ts';

/** A connection that is up. */
export interface RoutesLink {
  /** @returns false, with nothing sent, while the peer has enough to read. */
  sendRoutes(message: RoutesMessage): boolean;
}

export class RouteSender {
  #link: RoutesLink | null = null;
  /** What the peer knows from this connection. */
  readonly #sent = new Map<string, IpPrefix>();
  #sequence = 0;
  /** Whether the peer waits for the rest of a change. */
  #isOpen = false;

  /** The peer on this connection knows nothing yet, though it may remember what an earlier one told. */
  start(link: RoutesLink): void {
    this.#link = link;
    this.#sent.clear();
    this.#sequence = 0;
    // Told even where it is nothing: a peer that remembers more has to forget it.
    this.#isOpen = true;
  }

  stop(): void {
    this.#link = null;
  }

  /**
   * Sends what the peer lacks of `wanted`.
   *
   * @returns false when the connection did not take all of it: to be called again after a moment.
   */
  update(wanted: RouteSet): boolean {
    for (;;) {
      const message = this.#next(wanted);
      if (this.#link === null || message === null) return true;
      if (!this.#link.sendRoutes(message)) return false;
      this.#sequence += 1;
      this.#isOpen = message.hasMore;
      for (const prefix of message.withdraw) this.#sent.delete(prefixKey(prefix));
      for (const prefix of message.add) this.#sent.set(prefixKey(prefix), prefix);
    }
  }

  /** Withdrawals first: the peer never knows more than the most that it would take. */
  #next(wanted: RouteSet): RoutesMessage | null {
    const stale = missingIn(this.#sent, wanted, MAX_MESSAGE_ROUTES + 1);
    const fresh = missingIn(wanted, this.#sent, MAX_MESSAGE_ROUTES + 1 - stale.length);
    if (!this.#isOpen && stale.length + fresh.length === 0) return null;
    const withdraw = stale.slice(0, MAX_MESSAGE_ROUTES);
    const add = fresh.slice(0, MAX_MESSAGE_ROUTES - withdraw.length);
    return {
      type: 'routes',
      sequence: this.#sequence,
      isFull: this.#sequence === 0,
      hasMore: stale.length + fresh.length > MAX_MESSAGE_ROUTES,
      withdraw: withdraw.map(([, prefix]) => prefix),
      add: add.map(([, prefix]) => prefix),
    };
  }
}

/** At most `limit` entries of `set` that `other` lacks. */
function missingIn(set: RouteSet, other: RouteSet, limit: number): [string, IpPrefix][] {
  const missing: [string, IpPrefix][] = [];
  for (const entry of set) {
    if (missing.length >= limit) break;
    if (!other.has(entry[0])) missing.push(entry);
  }
  return missing;
}
