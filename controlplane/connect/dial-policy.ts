/**
 * Whether and when to dial a peer, without clock or I/O.
 */
import { backoffMs } from './backoff.ts';

/**
 * Patience of the higher key in ms: time for the lower one, which dials at once, to get through.
 * It is all that a peer waits for whose lower end knows no endpoint, so it is short; a race that
 * it loses costs one connection.
 */
export const HIGHER_KEY_WAIT_MS = 500;

export interface DialState {
  /** Whether our public key sorts lower than the peer's. */
  readonly lower: boolean;
  /** Whether an address to dial is known. */
  readonly endpointKnown: boolean;
  /** Since when no connection stands. */
  readonly wantedSinceMs: number;
  /** Attempts that failed since the last connection that lasted, and when the last one did. */
  readonly failures: number;
  readonly failedAtMs: number;
  /** Uniform in [0, 1), constant while a pause lasts. */
  readonly random: number;
}

export type DialStep =
  | { readonly kind: 'dial' }
  | { readonly kind: 'wait'; readonly untilMs: number }
  /** The peer has to dial us. */
  | { readonly kind: 'listen' };

/** What to do about a peer that no connection stands to. */
export function dialStep(state: DialState, nowMs: number): DialStep {
  if (!state.endpointKnown) return { kind: 'listen' };
  const turnAtMs = state.wantedSinceMs + (state.lower ? 0 : HIGHER_KEY_WAIT_MS);
  const retryAtMs =
    state.failures === 0 ? turnAtMs : state.failedAtMs + backoffMs(state.failures, state.random);
  const dueAtMs = Math.max(turnAtMs, retryAtMs);
  return nowMs >= dueAtMs ? { kind: 'dial' } : { kind: 'wait', untilMs: dueAtMs };
}
