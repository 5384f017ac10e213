import { describe, expect, test } from 'vitest';
import { lifetimes, nextStep, type RekeyState } from '../../../controlplane/rekey/rekey.ts';

const LIFE = { softMs: 120_000, hardMs: 3_600_000 };
const FRESH: RekeyState = { installedAtMs: 0, budgetUsed: 0, failures: 0, failedAtMs: 0, random: 0 };

describe('lifetimes()', () => {
  test.each([
    [120_000, 3_600_000],
    [900_000, 3_600_000],
    [1_800_000, 7_200_000],
    [86_400_000, 86_400_000],
  ])('of an interval of %i ms end hard after %i ms', (intervalMs, hardMs) => {
    expect(lifetimes(intervalMs, true)).toEqual({ softMs: intervalMs, hardMs });
  });

  test('of initiators that connected together end softly at different times, none late', () => {
    expect(lifetimes(120_000, true, 0.5).softMs).toBe(114_000);
    expect(lifetimes(120_000, true, 0.999).softMs).toBeGreaterThan(108_000);
  });

  test('of a responder leave the initiator time to come first', () => {
    expect(lifetimes(120_000, false).softMs).toBeGreaterThan(130_000);
    expect(lifetimes(120_000, false, 0.9)).toEqual(lifetimes(120_000, false));
  });
});

describe('nextStep()', () => {
  const cases: [string, Partial<RekeyState>, number, ReturnType<typeof nextStep>][] = [
    ['waits before the soft lifetime', {}, 118_000, { kind: 'wait', untilMs: 120_000 }],
    ['looks at the budget every 5 s', {}, 1_000, { kind: 'wait', untilMs: 6_000 }],
    ['negotiates at the soft lifetime', {}, 120_000, { kind: 'negotiate', trigger: 'timer' }],
    ['negotiates at half the budget', { budgetUsed: 0.5 }, 10, { kind: 'negotiate', trigger: 'budget' }],
    ['waits below half the budget', { budgetUsed: 0.499 }, 10, { kind: 'wait', untilMs: 5_010 }],
    [
      'retries no sooner than the backoff says',
      { failures: 2, failedAtMs: 120_000 },
      120_400,
      { kind: 'wait', untilMs: 120_500 },
    ],
    [
      'retries after the backoff',
      { failures: 2, failedAtMs: 120_000 },
      120_500,
      { kind: 'negotiate', trigger: 'timer' },
    ],
    ['expires at the hard lifetime', { failures: 9, failedAtMs: 3_599_999 }, 3_600_000, { kind: 'expire' }],
  ];
  test.each(cases)('%s', (_, changes, nowMs, step) => {
    expect(nextStep({ ...FRESH, ...changes }, nowMs, LIFE)).toEqual(step);
  });
});
