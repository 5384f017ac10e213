/**
 * What the peers of one network announce, and which of it is taken.
 *
 * A prefix that several announce belongs to who did so first, and to another of them once that one
 * withdraws it.
 */
import { formatPrefix, type Prefix } from '../../dataplane/route/prefix.ts';
import type { RoutePolicy, RouteRefusal } from './route-policy.ts';

/** What became of an announced prefix. known: the peer has it by the config. held: not decided yet. */
type Verdict = RouteRefusal | 'accepted' | 'known' | 'held';

interface Entry {
  readonly prefix: Prefix;
  verdict: Verdict;
}

interface Announcer {
  /** Public key, base64. */
  readonly key: string;
  readonly entries: Map<string, Entry>;
}

/** By slot; what is removed goes before anything is added. */
export interface RouteChanges {
  readonly removed: Map<number, string[]>;
  readonly added: Map<number, string[]>;
}

export class AnnouncedRoutes {
  #policy: RoutePolicy;
  #isHeld = false;
  readonly #announcers = new Map<number, Announcer>();
  /** Slots of who has the prefixes that are taken. */
  readonly #owners = new Map<string, number>();
  /** Slots of who would have them next, in order; some may not want them any more. */
  readonly #waiting = new Map<string, Set<number>>();

  constructor(policy: RoutePolicy) {
    this.#policy = policy;
  }

  /** Prefixes of a peer that are in use. */
  accepted(slot: number): string[] {
    const entries = this.#announcers.get(slot)?.entries ?? [];
    return [...entries].filter(([, { verdict }]) => verdict === 'accepted').map(([text]) => text);
  }

  /** Prefixes of all peers that are in use. */
  all(): string[] {
    return [...this.#owners.keys()];
  }

  /** Prefixes of a peer that are not in use, by the reason. */
  refused(slot: number): ReadonlyMap<RouteRefusal, readonly string[]> {
    const found = new Map<RouteRefusal, string[]>();
    for (const [text, { verdict }] of this.#announcers.get(slot)?.entries ?? []) {
      if (verdict !== 'accepted' && verdict !== 'known' && verdict !== 'held') push(found, verdict, text);
    }
    return found;
  }

  /** For status and metrics. */
  summary(slot: number): { readonly accepted: readonly string[]; readonly refused: number } {
    const refused = [...this.refused(slot).values()].reduce((sum, { length }) => sum + length, 0);
    return { accepted: this.accepted(slot), refused };
  }

  /** A peer announces these, all that it does now. @param key Its public key, base64. */
  set(slot: number, key: string, prefixes: readonly Prefix[]): RouteChanges {
    const changes = noChanges();
    const announcer = this.#announcers.get(slot) ?? { key, entries: new Map<string, Entry>() };
    this.#announcers.set(slot, announcer);
    const next = new Map(prefixes.map((prefix) => [formatPrefix(prefix), prefix]));
    for (const text of announcer.entries.keys()) if (!next.has(text)) this.#drop(slot, text, changes);
    for (const [text, prefix] of next) {
      if (announcer.entries.has(text)) continue;
      announcer.entries.set(text, { prefix, verdict: 'held' });
      this.#decide(slot, text, changes);
    }
    return changes;
  }

  /** A peer is gone. */
  forget(slot: number): RouteChanges {
    const changes = noChanges();
    for (const text of this.#announcers.get(slot)?.entries.keys() ?? []) this.#drop(slot, text, changes);
    this.#announcers.delete(slot);
    return changes;
  }

  /** Gives up what another policy would not take, and takes nothing more until {@link use}. */
  hold(policy: RoutePolicy): RouteChanges {
    this.#policy = policy;
    this.#isHeld = true;
    const changes = noChanges();
    this.#giveUp(changes);
    return changes;
  }

  /** Decides anew by another policy: who has something keeps it where both allow it. */
  use(policy: RoutePolicy): RouteChanges {
    this.#policy = policy;
    this.#isHeld = false;
    const changes = noChanges();
    this.#giveUp(changes);
    this.#waiting.clear();
    for (const [slot, { entries }] of this.#announcers) {
      for (const [text, { verdict }] of entries)
        if (verdict !== 'accepted') this.#decide(slot, text, changes);
    }
    return changes;
  }

  #giveUp(changes: RouteChanges): void {
    for (const [text, slot] of this.#owners) {
      const announcer = this.#announcers.get(slot);
      const entry = announcer?.entries.get(text);
      if (announcer === undefined || entry === undefined) continue;
      const verdict = this.#policy.judge(announcer.key, entry.prefix);
      if (verdict === null) continue;
      entry.verdict = verdict;
      this.#owners.delete(text);
      push(changes.removed, slot, text);
    }
  }

  #drop(slot: number, text: string, changes: RouteChanges): void {
    this.#announcers.get(slot)?.entries.delete(text);
    if (this.#owners.get(text) !== slot) return;
    this.#owners.delete(text);
    push(changes.removed, slot, text);
    const waiting = this.#waiting.get(text) ?? [];
    this.#waiting.delete(text);
    for (const next of waiting) this.#decide(next, text, changes);
  }

  #decide(slot: number, text: string, changes: RouteChanges): void {
    const announcer = this.#announcers.get(slot);
    const entry = announcer?.entries.get(text);
    if (announcer === undefined || entry === undefined) return;
    entry.verdict = this.#policy.judge(announcer.key, entry.prefix) ?? this.#claim(slot, text, changes);
  }

  #claim(slot: number, text: string, changes: RouteChanges): Verdict {
    if (this.#isHeld) return 'held';
    if (this.#owners.has(text)) {
      const queue = this.#waiting.get(text) ?? new Set();
      this.#waiting.set(text, queue.add(slot));
      return 'taken';
    }
    this.#owners.set(text, slot);
    push(changes.added, slot, text);
    return 'accepted';
  }
}

function noChanges(): RouteChanges {
  return { removed: new Map(), added: new Map() };
}

function push<K>(lists: Map<K, string[]>, key: K, text: string): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [text]);
  else list.push(text);
}
