/** Puts together what a peer announces on one connection. */
import { ControlError } from '../control-error.ts';
import type { RoutesMessage } from '../record/routes-message.ts';
import { type IpPrefix, MAX_ROUTES, prefixKey, type RouteSet } from './ip-prefix.ts';

export class RouteInbox {
  /** null before the first message. */
  #set: Map<string, IpPrefix> | null = null;
  /** Of a change whose last message has not come, in order. */
  #parts: RoutesMessage[] = [];
  /** Prefixes in `#parts`. */
  #waiting = 0;
  #sequence = 0;

  /**
   * @returns All that the peer announces, live: later messages change it; null before a change is
   *   complete.
   * @throws {ControlError} for what the protocol does not allow: the connection is of no use then.
   */
  take(message: RoutesMessage): RouteSet | null {
    if (message.sequence !== this.#sequence) {
      throw violation(`routes message ${message.sequence} came out of turn: expected ${this.#sequence}`);
    }
    this.#sequence += 1;
    if (message.isFull) {
      this.#parts = [];
      this.#waiting = 0;
    } else if (this.#set === null && this.#parts.length === 0) {
      throw violation('changed routes before a full set of them');
    }
    this.#waiting += message.withdraw.length + message.add.length;
    // A change replaces every prefix at most; parts without any would never end.
    if (this.#waiting > 2 * MAX_ROUTES || this.#parts.length > 2 * MAX_ROUTES) throw tooMany();
    this.#parts.push(message);
    return message.hasMore ? null : this.#apply();
  }

  #apply(): RouteSet {
    const set = this.#parts[0]?.isFull ? new Map<string, IpPrefix>() : (this.#set ?? new Map());
    for (const { withdraw, add } of this.#parts) {
      for (const prefix of withdraw) set.delete(prefixKey(prefix));
      for (const prefix of add) set.set(prefixKey(prefix), prefix);
    }
    if (set.size > MAX_ROUTES) throw tooMany();
    this.#parts = [];
    this.#waiting = 0;
    this.#set = set;
    return set;
  }
}

function tooMany(): ControlError {
  return violation(`more than ${MAX_ROUTES} routes announced`);
}

function violation(what: string): ControlError {
  return new ControlError('ERR_ICX_CONTROL_PROTOCOL', what);
}
