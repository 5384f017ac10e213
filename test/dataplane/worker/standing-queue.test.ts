import { describe, expect, test } from 'vitest';
import { INTERVAL_MS, StandingQueue } from '../../../dataplane/worker/standing-queue.ts';

/** Times at which a signal was due, of a queue that is looked at every ms and never empty. */
function signals(queue: StandingQueue, fromMs: number, untilMs: number): number[] {
  return Array.from({ length: untilMs - fromMs }, (_, i) => fromMs + i).filter((ms) => queue.isDue(ms));
}

describe('StandingQueue.isDue()', () => {
  test('is true once bulk packets have stood for an interval, not before', () => {
    const queue = new StandingQueue();
    expect(queue.isDue(1_000)).toBe(false);
    expect(queue.isDue(1_000 + INTERVAL_MS - 0.1)).toBe(false);
    expect(queue.isDue(1_000 + INTERVAL_MS)).toBe(true);
  });

  test('counts from the first packet after a rest, however long that was', () => {
    const queue = new StandingQueue();
    queue.isDue(0);
    queue.empty();
    expect(signals(queue, 60_000, 60_000 + INTERVAL_MS * 1.5)).toEqual([60_000 + INTERVAL_MS]);
  });

  test('is true once for each signal', () => {
    const queue = new StandingQueue();
    queue.isDue(0);
    expect([1, 2, 3].map(() => queue.isDue(INTERVAL_MS))).toEqual([true, false, false]);
  });

  test('comes at shorter and shorter times, by the square root of how many came', () => {
    const times = signals(new StandingQueue(), 0, INTERVAL_MS * 5);
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
    signals(queue, 0, INTERVAL_MS * 3);
    queue.empty();
    expect(signals(queue, 1_000, 1_000 + INTERVAL_MS * 2)).toEqual([1_000 + INTERVAL_MS]);
  });
});
