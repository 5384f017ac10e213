/**
 * Who wants which multicast group: ports by group, each until a time, in memory that never grows.
 *
 * A port that finds no room would miss frames of a group that others are known to want. So from
 * then on the table is open, which says that everyone may want everything, for as long as an
 * entry would have lasted.
 */
import { mix } from './mix.ts';

/** Scope and up to four words of address. */
const KEY_WORDS = 5;
const NONE = -1;
/** No scope is negative: marks a free group. */
const FREE = -1;

export const NO_GROUP = NONE;
export const NO_MEMBER = NONE;

/**
 * Groups and members are small numbers, valid until the next sweep() or removePort(). A scope is
 * what keeps equal addresses apart, a number from 0. Owned by one thread; times are in ms on the
 * caller's clock.
 */
export class GroupTable {
  readonly #seed: number;
  readonly #keys: Int32Array;
  /** Where in the hash a group is. */
  readonly #places: Int32Array;
  /** First group of a place of the hash, next of each group: in its place, or of the free ones. */
  readonly #heads: Int32Array;
  readonly #nextGroup: Int32Array;
  #freeGroup = 0;
  /** First member of a group, next of each member: of its group, or of the free ones. */
  readonly #firstMember: Int32Array;
  readonly #nextMember: Int32Array;
  #freeMember = 0;
  readonly #ports: Int32Array;
  readonly #expiresMs: Float64Array;
  readonly #openUntilMs = Float64Array.of(Number.NEGATIVE_INFINITY);
  #groups = 0;
  #members = 0;

  /** @param seed 32 random bits that stations don't know. */
  constructor(maxGroups: number, maxMembers: number, seed: number) {
    this.#seed = mix(seed | 0);
    this.#keys = new Int32Array(maxGroups * KEY_WORDS).fill(FREE);
    this.#places = new Int32Array(maxGroups);
    this.#heads = new Int32Array(2 ** Math.ceil(Math.log2(Math.max(maxGroups, 2)))).fill(NONE);
    this.#nextGroup = freeList(maxGroups);
    this.#firstMember = new Int32Array(maxGroups).fill(NONE);
    this.#nextMember = freeList(maxMembers);
    this.#ports = new Int32Array(maxMembers);
    this.#expiresMs = new Float64Array(maxMembers);
  }

  get groups(): number {
    return this.#groups;
  }

  get members(): number {
    return this.#members;
  }

  /** Whether someone who found no room may want any group. */
  isOpen(nowMs: number): boolean {
    return nowMs < (this.#openUntilMs[0] ?? 0);
  }

  /**
   * @param words Words of the address in the view, 1 to 4. Addresses of a scope that have more of them
   *              than others differ in the first.
   * @returns NO_GROUP when nobody asked for it.
   */
  find(scope: number, view: DataView, at: number, words: number): number {
    let group = this.#heads[this.#placeOf(scope, view, at, words)] ?? NONE;
    while (group !== NONE && !this.#isKey(group, scope, view, at, words)) group = this.#next(group);
    return group;
  }

  /** Whether anyone wants the group now. */
  isWanted(group: number, nowMs: number): boolean {
    for (let each = this.first(group); each !== NONE; each = this.next(each)) {
      if (this.isCurrent(each, nowMs)) return true;
    }
    return false;
  }

  /** The first member of a group, NO_MEMBER of NO_GROUP. */
  first(group: number): number {
    return group === NONE ? NONE : (this.#firstMember[group] ?? NONE);
  }

  /** @returns NO_MEMBER behind the last one. */
  next(member: number): number {
    return this.#nextMember[member] ?? NONE;
  }

  port(member: number): number {
    return this.#ports[member] ?? NONE;
  }

  isCurrent(member: number, nowMs: number): boolean {
    return nowMs < (this.#expiresMs[member] ?? 0);
  }

  /**
   * Enters that a port wants a group, for `lifetimeMs` from now.
   *
   * @returns false when there was no room: the table is open then.
   */
  join(
    scope: number,
    view: DataView,
    at: number,
    words: number,
    port: number,
    nowMs: number,
    lifetimeMs: number,
  ): boolean {
    const known = this.find(scope, view, at, words);
    let member = this.#memberAt(known, port);
    if (member === NONE) {
      const hasRoom = this.#freeMember !== NONE && (known !== NONE || this.#freeGroup !== NONE);
      if (!hasRoom) {
        this.#openUntilMs[0] = nowMs + lifetimeMs;
        return false;
      }
      member = this.#addMember(known === NONE ? this.#addGroup(scope, view, at, words) : known, port);
    }
    this.#expiresMs[member] = nowMs + lifetimeMs;
    return true;
  }

  /** Lets a port's wish for a group end `lifetimeMs` from now if it would last longer; NO_GROUP is wanted by none. */
  curtail(group: number, port: number, nowMs: number, lifetimeMs: number): void {
    const member = this.#memberAt(group, port);
    if (member === NONE) return;
    this.#expiresMs[member] = Math.min(this.#expiresMs[member] ?? 0, nowMs + lifetimeMs);
  }

  /** Forgets all that a port wanted. */
  removePort(port: number): void {
    this.#removeWhere((member) => this.port(member) === port);
  }

  /** Makes room of what is over: to be called every few seconds. */
  sweep(nowMs: number): void {
    this.#removeWhere((member) => !this.isCurrent(member, nowMs));
  }

  #memberAt(group: number, port: number): number {
    let member = this.first(group);
    while (member !== NONE && this.port(member) !== port) member = this.next(member);
    return member;
  }

  #addGroup(scope: number, view: DataView, at: number, words: number): number {
    const group = this.#freeGroup;
    const keyAt = group * KEY_WORDS;
    const place = this.#placeOf(scope, view, at, words);
    this.#freeGroup = this.#next(group);
    this.#keys[keyAt] = scope;
    this.#places[group] = place;
    for (let i = 0; i < KEY_WORDS - 1; i++) {
      this.#keys[keyAt + 1 + i] = i < words ? view.getInt32(at + i * 4) : 0;
    }
    this.#nextGroup[group] = this.#heads[place] ?? NONE;
    this.#heads[place] = group;
    this.#groups++;
    return group;
  }

  #addMember(group: number, port: number): number {
    const member = this.#freeMember;
    this.#freeMember = this.next(member);
    this.#ports[member] = port;
    this.#nextMember[member] = this.first(group);
    this.#firstMember[group] = member;
    this.#members++;
    return member;
  }

  #removeWhere(isMeant: (member: number) => boolean): void {
    for (let group = 0; group < this.#firstMember.length; group++) {
      if (this.#keys[group * KEY_WORDS] === FREE) continue;
      let before = NONE;
      for (let member = this.first(group); member !== NONE; ) {
        const after = this.next(member);
        if (!isMeant(member)) before = member;
        else this.#removeMember(group, before, member);
        member = after;
      }
      if (this.first(group) === NONE) this.#removeGroup(group);
    }
  }

  #removeMember(group: number, before: number, member: number): void {
    if (before === NONE) this.#firstMember[group] = this.next(member);
    else this.#nextMember[before] = this.next(member);
    this.#nextMember[member] = this.#freeMember;
    this.#freeMember = member;
    this.#members--;
  }

  #removeGroup(group: number): void {
    const place = this.#places[group] ?? 0;
    if (this.#heads[place] === group) {
      this.#heads[place] = this.#next(group);
    } else {
      let before = this.#heads[place] ?? NONE;
      while (this.#next(before) !== group) before = this.#next(before);
      this.#nextGroup[before] = this.#next(group);
    }
    this.#keys[group * KEY_WORDS] = FREE;
    this.#nextGroup[group] = this.#freeGroup;
    this.#freeGroup = group;
    this.#groups--;
  }

  #next(group: number): number {
    return this.#nextGroup[group] ?? NONE;
  }

  #isKey(group: number, scope: number, view: DataView, at: number, words: number): boolean {
    const keyAt = group * KEY_WORDS;
    if (this.#keys[keyAt] !== scope) return false;
    for (let i = 0; i < words; i++) {
      if (this.#keys[keyAt + 1 + i] !== view.getInt32(at + i * 4)) return false;
    }
    return true;
  }

  #placeOf(scope: number, view: DataView, at: number, words: number): number {
    let mixed = mix(scope ^ this.#seed);
    for (let i = 0; i < words; i++) mixed = mix(mixed ^ view.getInt32(at + i * 4));
    return mixed & (this.#heads.length - 1);
  }
}

/** Each element names the next, the last one none. */
function freeList(length: number): Int32Array {
  return Int32Array.from({ length }, (_, i) => (i + 1 < length ? i + 1 : NONE));
}
