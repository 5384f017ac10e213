/**
 * When the SAs of a peer are to be replaced, without clock or I/O.
 */
import { backoffMs } from '../connect/backoff.ts';
import type { RekeyTrigger } from '../record/message.ts';

/** Lifetimes of an SA in ms. */
export interface Lifetimes {
  readonly softMs: number;
  readonly hardMs: number;
}

/** Share of the AEAD budget at which a rekey starts; the rest is for carrying on meanwhile. */
export const BUDGET_SHARE = 0.5;

const HARD_AT_LEAST_MS = 3_600_000;
const HARD_AT_MOST_MS = 86_400_000;
const HARD_PER_SOFT = 4;
/** The responder only asks, so it leaves the initiator time to come first. */
const RESPONDER_SLACK = 1.1;
/** Pause between looks at the budget, in ms: at 100 Gb/s half a budget lasts 11 s. */
const BUDGET_LOOK_MS = 5_000;

/** Peers that connected together must not all rekey together for ever. */
const SOFT_JITTER = 0.1;

export type RekeyStep =
  | { readonly kind: 'expire' }
  | { readonly kind: 'negotiate'; readonly trigger: RekeyTrigger }
  | { readonly kind: 'wait'; readonly untilMs: number };

export interface RekeyState {
  /** When the SAs in use were installed. */
  readonly installedAtMs: number;
  /** Largest share of the AEAD budget used by one of them, 0 to 1. */
  readonly budgetUsed: number;
  /** Attempts that failed since then, and when the last one did. */
  readonly failures: number;
  readonly failedAtMs: number;
  /** Uniform in [0, 1), constant while a pause lasts. */
  readonly random: number;
}

/**
 * Lifetimes by the rekey interval: hard max(1 h, 4 × interval), at most 24 h.
 *
 * @param random Uniform in [0, 1): shortens the initiator's soft lifetime by up to a tenth.
 */
export function lifetimes(rekeyIntervalMs: number, initiator: boolean, random = 0): Lifetimes {
  const hardMs = Math.min(HARD_AT_MOST_MS, Math.max(HARD_AT_LEAST_MS, HARD_PER_SOFT * rekeyIntervalMs));
  const softMs = rekeyIntervalMs * (initiator ? 1 - SOFT_JITTER * random : RESPONDER_SLACK);
  return { softMs, hardMs };
}

/** What is to be done about a peer's SAs now; ask again at `untilMs`. */
export function nextStep(state: RekeyState, nowMs: number, life: Lifetimes): RekeyStep {
  const ageMs = nowMs - state.installedAtMs;
  if (ageMs >= life.hardMs) return { kind: 'expire' };
  const retryAtMs = state.failedAtMs + backoffMs(state.failures, state.random);
  const overBudget = state.budgetUsed >= BUDGET_SHARE;
  if (overBudget || ageMs >= life.softMs) {
    if (state.failures > 0 && nowMs < retryAtMs) return { kind: 'wait', untilMs: retryAtMs };
    return { kind: 'negotiate', trigger: overBudget ? 'budget' : 'timer' };
  }
  return { kind: 'wait', untilMs: Math.min(nowMs + BUDGET_LOOK_MS, state.installedAtMs + life.softMs) };
}
