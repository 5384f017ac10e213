/** Measures what a call leaves on the heap. */

const CALLS = 10_000;
const ROUNDS = 41;

/**
 * Bytes allocated per call of `run`: the median of many short rounds, since a garbage
 * collection or the compiler disturbs some of them. The smallest object takes 16.
 */
export function allocatedPerCall(run: (index: number) => void): number {
  const rounds: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const before = process.memoryUsage().heapUsed;
    for (let i = 0; i < CALLS; i++) run(i);
    rounds.push((process.memoryUsage().heapUsed - before) / CALLS);
  }
  return rounds.sort((a, b) => a - b)[ROUNDS >>> 1] ?? Number.NaN;
}
