/**
 * Which of two authenticated control connections to the same peer stays.
 *
 * Both ends decide alone and must decide alike, so only what both know counts: who dialled, and
 * roughly when each connection was completed.
 */

/** Connections completed within this time of each other are a race, not a reconnect. */
export const RACE_WINDOW_MS = 5_000;

export interface Candidate {
  /** Whether the end with the lower public key dialled. */
  readonly dialledByLower: boolean;
  /** When the peer proved itself on it. */
  readonly completedAtMs: number;
}

/**
 * Whether `newcomer` replaces `standing`.
 *
 * In a race the connection that the lower key dialled stays. Otherwise the newest does: a peer
 * that lost its state or its address dials anew, and the old connection is dead without knowing.
 */
export function replaces(newcomer: Candidate, standing: Candidate): boolean {
  const apartMs = newcomer.completedAtMs - standing.completedAtMs;
  if (apartMs <= RACE_WINDOW_MS && newcomer.dialledByLower !== standing.dialledByLower) {
    return newcomer.dialledByLower;
  }
  return true;
}
