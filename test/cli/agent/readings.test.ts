/** Times that survive a host whose clock is set. */
import { afterEach, describe, expect, test, vi } from 'vitest';
import { unixTime } from '../../../cli/agent/readings.ts';
import { systemClock } from '../../../controlplane/clock.ts';

const DAY_MS = 86_400_000;

afterEach(() => {
  vi.restoreAllMocks();
});

describe('unixTime()', () => {
  test('tells the same time twice while the clocks drift', () => {
    const atMs = systemClock.nowMs();
    const told = unixTime(atMs);
    const wallMs = Date.now();
    for (const driftMs of [1, -1, 40, -40]) {
      vi.spyOn(Date, 'now').mockReturnValue(wallMs + driftMs);
      expect(unixTime(atMs)).toBe(told);
    }
  });

  test.each([
    ['a clock that nobody touched', 0],
    ['a clock set forward by a day', DAY_MS],
    ['a clock set back by a day', -DAY_MS],
  ])('keeps an age on %s', (_name, jumpMs) => {
    const minuteAgoMs = systemClock.nowMs() - 60_000;
    const wallMs = Date.now() + jumpMs;
    vi.spyOn(Date, 'now').mockReturnValue(wallMs);
    expect(wallMs - unixTime(minuteAgoMs)).toBeGreaterThan(59_000);
    expect(wallMs - unixTime(minuteAgoMs)).toBeLessThan(61_000);
  });

  test('tells the same time of an event at every reading, though two clocks never agree to the ms', () => {
    const now = vi.spyOn(Date, 'now');
    const told = [0, 3, -2, 400, -400].map((driftMs) => {
      now.mockReturnValue(systemClock.nowMs() + driftMs);
      return unixTime(1_000);
    });
    expect(new Set(told).size).toBe(1);
  });
});
