/**
 * The connections to one peer: those that still have to prove themselves, the one that stays, the
 * one that it replaced.
 */

import type { Session } from '../session.ts';
import { replaces } from './duplicate.ts';

/** Connections of one peer that may be in their handshake at once. */
const MAX_PENDING = 4;
const REPLACED = 'replaced by a newer connection';

/** What a session was when it ended. */
export type Standing = 'current' | 'pending' | 'other';

export class Contenders {
  readonly #lower: boolean;
  /** With what is to be called once they are authenticated, or ended. */
  readonly #pending = new Map<Session, () => void>();
  #current: Session | null = null;
  /** Kept until its successor is up: closed before, it would make the peer dial anew. */
  #superseded: Session | null = null;

  /** @param lower Whether our public key sorts lower than the peer's. */
  constructor(lower: boolean) {
    this.#lower = lower;
  }

  /** The session that stays and negotiates; it may not be up yet. */
  get current(): Session | null {
    return this.#current;
  }

  get pending(): number {
    return this.#pending.size;
  }

  get full(): boolean {
    return this.#pending.size >= MAX_PENDING;
  }

  /** @param settled Called once, when the peer proved itself or the session ended. */
  add(session: Session, settled: () => void): void {
    this.#pending.set(session, settled);
  }

  /** The peer proved itself. Both ends decide alike. @returns whether the session stays. */
  admit(session: Session, nowMs: number): boolean {
    this.#settle(session);
    const standing = this.#current;
    if (standing !== null) {
      const candidate = (of: Session): { dialledByLower: boolean; completedAtMs: number } => ({
        dialledByLower: of.dialled === this.#lower,
        completedAtMs: of.authenticatedAtMs ?? nowMs,
      });
      if (!replaces(candidate(session), candidate(standing))) return false;
      this.#closeSuperseded();
      this.#superseded = standing;
      standing.supersede();
    }
    this.#current = session;
    return true;
  }

  /** The current session is up: what it replaced may go. */
  confirmed(): void {
    this.#closeSuperseded();
  }

  /** A session ended. */
  remove(session: Session): Standing {
    const pending = this.#settle(session);
    if (session === this.#superseded) this.#superseded = null;
    if (session !== this.#current) return pending ? 'pending' : 'other';
    this.#current = null;
    this.#closeSuperseded();
    return 'current';
  }

  all(): readonly Session[] {
    const settled = [this.#current, this.#superseded].filter((session) => session !== null);
    return [...settled, ...this.#pending.keys()];
  }

  #settle(session: Session): boolean {
    const settled = this.#pending.get(session);
    this.#pending.delete(session);
    settled?.();
    return settled !== undefined;
  }

  #closeSuperseded(): void {
    const session = this.#superseded;
    this.#superseded = null;
    session?.close(REPLACED);
  }
}
