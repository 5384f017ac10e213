import { describe, expect, test } from 'vitest';
import { LogLimiter } from '../../cli/log-limiter.ts';

describe('LogLimiter.admit()', () => {
  test('lets one event through an interval and tells what it held back', () => {
    const limiter = new LogLimiter(1000);
    const times = [0, 1, 999, 1000, 1001, 2500];
    expect(times.map((now) => limiter.admit('x', now))).toEqual([0, null, null, 2, null, 1]);
  });

  test('keeps kinds apart', () => {
    const limiter = new LogLimiter(1000);
    expect([limiter.admit('x', 0), limiter.admit('y', 0), limiter.admit('x', 1)]).toEqual([0, 0, null]);
  });

  test('remembers a bounded number of kinds, forgetting the oldest', () => {
    const limiter = new LogLimiter(1000);
    for (let kind = 0; kind < 1025; kind++) limiter.admit(`kind ${kind}`, 0);
    expect(limiter.admit('kind 1', 1)).toBeNull();
    expect(limiter.admit('kind 0', 1)).toBe(0);
  });
});
