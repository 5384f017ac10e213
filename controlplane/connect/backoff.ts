/**
 * How long to wait before trying again.
 */

/** First and longest pause in ms. */
const FIRST_MS = 250;
const LONGEST_MS = 10_000;
/** Doublings after which the longest pause is reached whatever the first one is. */
const MOST_DOUBLINGS = 10;

/**
 * Pause after a number of failures in a row: doubling from 0.25 s to 10 s, of which a random
 * share of up to a half is taken off so that two hosts do not keep colliding.
 *
 * @param failures At least 0; after none there is no pause.
 * @param random   Uniform in [0, 1).
 * @returns        ms, at most 10,000.
 */
export function backoffMs(failures: number, random: number): number {
  if (failures <= 0) return 0;
  const fullMs = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(failures - 1, MOST_DOUBLINGS));
  return fullMs * (1 - random / 2);
}
