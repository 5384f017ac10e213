/** Who wants which group and where queriers are, by RFC 3376's timers; MLD has the same. */
import { GroupTable, NO_GROUP } from './group-table.ts';

/** Two query intervals and the time to respond. @see RFC 3376 §8.4, RFC 3810 §9.4 */
export const MEMBERSHIP_MS = 260_000;
/** Two query intervals and half the time to respond. @see RFC 3376 §8.5, RFC 3810 §9.5 */
export const QUERIER_MS = 255_000;
/**
 * What the querier takes to find out whether others on the port stay. @see RFC 3376 §8.8, §8.9
 */
export const LEAVE_MS = 2_000;

/** No group has this address, so routers stand under it. */
const ROUTERS = new DataView(new ArrayBuffer(4));
const ROUTERS_WORDS = 1;

export interface SnoopingCounters {
  /** Groups and their members now, those that are over but were not swept yet included. */
  readonly groups: number;
  readonly members: number;
  /** Queries that named a querier. */
  readonly queries: number;
  /** Groups that reports asked for, again or anew. */
  readonly joins: number;
  /** Groups that someone left. */
  readonly leaves: number;
  /** Messages that had no effect, because of a wrong checksum, length, address or hop limit. */
  readonly malformed: number;
  /** Wishes that found no room: all groups are flooded then. */
  readonly refused: number;
}

export interface MembershipOptions {
  /** 32 random bits, of which stations know nothing. */
  readonly seed: number;
  /** Groups of all VLANs, and one more for the routers of each VLAN and IP version. */
  readonly maxGroups?: number;
  /** Ports that want a group, summed over all groups. */
  readonly maxMembers?: number;
}

const MAX_GROUPS = 65_536;
const MAX_MEMBERS = 1_048_576;

/** Columns of the counts; floats, since integer fields beyond 2^31 would cost objects. */
const Count = { queries: 0, joins: 1, leaves: 2, malformed: 3, refused: 4 } as const;

/** Owned by one thread. A scope is a VLAN and an IP version, as one number from 0. */
export class Membership {
  readonly #table: GroupTable;
  readonly #counts = new Float64Array(Object.keys(Count).length);

  /** @throws {RangeError} for options out of range. */
  constructor({ seed, maxGroups = 1_024, maxMembers = 8_192 }: MembershipOptions) {
    checkCount('groups', maxGroups, MAX_GROUPS);
    checkCount('members', maxMembers, MAX_MEMBERS);
    this.#table = new GroupTable(maxGroups, maxMembers, seed);
  }

  /** The ports of a group, to go through by first() and next(). */
  get table(): GroupTable {
    return this.#table;
  }

  /** A querier was heard on a port. */
  hearQuerier(scope: number, port: number, nowMs: number): void {
    this.#add(Count.queries);
    this.#enter(scope, ROUTERS, 0, ROUTERS_WORDS, port, nowMs, QUERIER_MS);
  }

  /** @param words Of the group's address in the view, as below. */
  join(scope: number, view: DataView, groupAt: number, words: number, port: number, nowMs: number): void {
    this.#add(Count.joins);
    this.#enter(scope, view, groupAt, words, port, nowMs, MEMBERSHIP_MS);
  }

  /** Others on the port may stay, so it is served until the querier had time to ask them. */
  leave(scope: number, view: DataView, groupAt: number, words: number, port: number, nowMs: number): void {
    this.#add(Count.leaves);
    this.#table.curtail(this.#table.find(scope, view, groupAt, words), port, nowMs, LEAVE_MS);
  }

  /** A message was not to be used. */
  refuseMalformed(): void {
    this.#add(Count.malformed);
  }

  /** @returns the group of all router ports; NO_GROUP when there is none now. */
  routers(scope: number, nowMs: number): number {
    return this.wanted(scope, ROUTERS, 0, ROUTERS_WORDS, nowMs);
  }

  /** @returns NO_GROUP when nobody wants the group now, or when it is not known who does. */
  wanted(scope: number, view: DataView, groupAt: number, words: number, nowMs: number): number {
    if (this.#table.isOpen(nowMs)) return NO_GROUP;
    const group = this.#table.find(scope, view, groupAt, words);
    return group !== NO_GROUP && this.#table.isWanted(group, nowMs) ? group : NO_GROUP;
  }

  removePort(port: number): void {
    this.#table.removePort(port);
  }

  sweep(nowMs: number): void {
    this.#table.sweep(nowMs);
  }

  counters(): SnoopingCounters {
    const count = (column: number) => this.#counts[column] ?? 0;
    return {
      groups: this.#table.groups,
      members: this.#table.members,
      queries: count(Count.queries),
      joins: count(Count.joins),
      leaves: count(Count.leaves),
      malformed: count(Count.malformed),
      refused: count(Count.refused),
    };
  }

  #enter(
    scope: number,
    view: DataView,
    at: number,
    words: number,
    port: number,
    nowMs: number,
    lifetimeMs: number,
  ): void {
    if (!this.#table.join(scope, view, at, words, port, nowMs, lifetimeMs)) this.#add(Count.refused);
  }

  #add(column: number): void {
    this.#counts[column] = (this.#counts[column] ?? 0) + 1;
  }
}

function checkCount(what: string, value: number, most: number): void {
  if (!Number.isInteger(value) || value < 1 || value > most) {
    throw new RangeError(`Multicast snooping with ${value} ${what}: expected 1 to ${most}`);
  }
}
