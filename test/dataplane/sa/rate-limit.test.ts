/** RateLimit: bursts, steady rates, changed limits and clocks that run backwards. */
import { describe, expect, test } from 'vitest';
import { RateLimit } from '../../../dataplane/sa/rate-limit.ts';

function passed(limit: RateLimit, attempts: number, nowMs: number): number {
  let count = 0;
  for (let i = 0; i < attempts; i++) if (limit.allow(nowMs)) count++;
  return count;
}

describe('RateLimit.allow()', () => {
  test.each([
    [1, 1],
    [10, 10],
    [63.5, 64],
    [64, 64],
    [640, 64],
    [1000, 100],
    [100_000, 10_000],
  ])('at %d packets/s lets %i pass at once', (limitPps, burst) => {
    const limit = new RateLimit(limitPps);
    expect(limit.burst).toBe(burst);
    expect(passed(limit, burst + 1000, 5)).toBe(burst);
  });

  test.each([
    [5, 1],
    [50, 7],
    [1000, 1],
    [1000, 100],
    [33_333, 1],
  ])('at %i packets/s and steps of %i ms passes the limit in the long run', (limitPps, stepMs) => {
    const limit = new RateLimit(limitPps);
    passed(limit, 1_000_000, 0);
    let count = 0;
    for (let nowMs = stepMs; nowMs <= 20_000; nowMs += stepMs) count += passed(limit, limitPps, nowMs);
    expect(count).toBeGreaterThan(limitPps * 20 * 0.995 - 1);
    expect(count).toBeLessThanOrEqual(limitPps * 20);
  });

  test('saves up no more than the burst', () => {
    const limit = new RateLimit(1000);
    passed(limit, 5000, 0);
    expect(passed(limit, 5000, 1e9)).toBe(100);
  });

  test('0 is no limit', () => {
    expect(passed(new RateLimit(0), 100_000, 0)).toBe(100_000);
    expect(passed(new RateLimit(), 100_000, 0)).toBe(100_000);
  });

  test('a step back of the clock adds no token and does not lock the bucket', () => {
    const limit = new RateLimit(1000);
    passed(limit, 5000, 10_000);
    expect(passed(limit, 10, 0)).toBe(0);
    expect(passed(limit, 10, 5)).toBe(5);
  });
});

describe('RateLimit.setLimit()', () => {
  test('keeps what was saved up, no more than the new burst', () => {
    const limit = new RateLimit(10_000);
    limit.allow(0);
    limit.setLimit(1000);
    expect(passed(limit, 5000, 0)).toBe(100);
    limit.setLimit(10_000);
    expect(passed(limit, 5000, 0)).toBe(0);
    expect(passed(limit, 5000, 10)).toBe(100);
  });

  test('switches a limit off and, full, on again', () => {
    const limit = new RateLimit(10);
    passed(limit, 100, 0);
    limit.setLimit(0);
    expect(passed(limit, 100, 0)).toBe(100);
    limit.setLimit(10);
    expect(passed(limit, 100, 0)).toBe(10);
    expect(limit.limitPps).toBe(10);
  });

  test.each([-1, Number.NaN, Number.POSITIVE_INFINITY])('refuses %d', (limitPps) => {
    expect(() => new RateLimit(limitPps)).toThrow(RangeError);
  });
});
