import { describe, expect, test } from 'vitest';
import { INTERVAL_MS, StandingQueue } from '../../../dataplane/worker/standing-queue.ts';

/** Times at which a signal was due, of a queue that is looked at every ms and never empty. */
function signals(queue: StandingQueue, fromMs: number, untilMs: number): number[] {
  return Array.from({ length: untilMs - fromMs }, (_, i) => fromMs + i).filter((ms) => queue.isDue(ms));
}

describe('StandingQueue.isDue()', () => {
  test('is false for a queue that was never seen empty: nobody knows since when it stands', () => {
    expect(signals(new StandingQueue(), 0, 1_000)).toEqual([]);
  });

  test('is true once the queue has stood for an interval, not before', () => {
    const queue = new StandingQueue();
    queue.empty(1_000);
    expect(queue.isDue(1_000 + INTERVAL_MS - 0.1)).toBe(false);
    expect(queue.isDue(1_000 + INTERVAL_MS)).toBe(true);
  });

  test('is true once for each signal', () => {
    const queue = new StandingQueue();
    queue.empty(0);
    expect([1, 2, 3].map(() => queue.isDue(INTERVAL_MS))).toEqual([true, false, false]);
  });

  test('comes at shorter and shorter times, by the square root of how many came', () => {
    const queue = new StandingQueue();
    queue.empty(0);
    const times = signals(queue, 0, INTERVAL_MS * 5);
    const gaps = times.slice(1).map((ms, i) => ms - (times[i] ?? Number.NaN));
    expect(gaps.length).toBeGreaterThan(5);
    gaps.forEach((gap, i) => {
      const lawMs = INTERVAL_MS / Math.sqrt(i + 1);
      expect(gap).toBeGreaterThanOrEqual(lawMs - 1);
      expect(gap).toBeLessThanOrEqual(lawMs + 1);
    });
  });

  test('starts over when the queue was empty', () => {
    const queue = new StandingQueue();
    queue.empty(0);
    signals(queue, 0, INTERVAL_MS * 3);
    queue.empty(1_000);
    expect(signals(queue, 1_000, 1_000 + INTERVAL_MS * 2)).toEqual([1_000 + INTERVAL_MS]);
  });
});
