import { describe, expect, test } from 'vitest';
import { backoffMs } from '../../../controlplane/connect/backoff.ts';

describe('backoffMs()', () => {
  test.each([
    [0, 0],
    [1, 250],
    [2, 500],
    [3, 1_000],
    [6, 8_000],
    [7, 10_000],
    [1_000, 10_000],
  ])('after %i failures is %i ms at most', (failures, ms) => {
    expect(backoffMs(failures, 0)).toBe(ms);
  });

  test('takes off up to a half', () => {
    expect(backoffMs(3, 0.5)).toBe(750);
    expect(backoffMs(3, 0.999_999)).toBeGreaterThanOrEqual(500);
  });
});
