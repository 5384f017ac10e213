import { describe, expect, test } from 'vitest';
import { type DialState, dialStep, HIGHER_KEY_WAIT_MS } from '../../../controlplane/connect/dial-policy.ts';

const LOWER: DialState = {
  lower: true,
  endpointKnown: true,
  wantedSinceMs: 1_000,
  failures: 0,
  failedAtMs: 0,
  random: 0,
};
const HIGHER = { ...LOWER, lower: false };

describe('dialStep()', () => {
  test('lets the lower key dial at once', () => {
    expect(dialStep(LOWER, 1_000)).toEqual({ kind: 'dial' });
  });

  test('lets the higher key wait its turn, then dial', () => {
    const turnMs = 1_000 + HIGHER_KEY_WAIT_MS;
    expect(dialStep(HIGHER, turnMs - 1)).toEqual({ kind: 'wait', untilMs: turnMs });
    expect(dialStep(HIGHER, turnMs)).toEqual({ kind: 'dial' });
  });

  test.each([LOWER, HIGHER])('listens without an endpoint, lower key: $lower', (state) => {
    expect(dialStep({ ...state, endpointKnown: false }, 99_000)).toEqual({ kind: 'listen' });
  });

  test('pauses after failures', () => {
    const failed = { ...LOWER, failures: 3, failedAtMs: 9_000 };
    expect(dialStep(failed, 9_999)).toEqual({ kind: 'wait', untilMs: 10_000 });
    expect(dialStep(failed, 10_000)).toEqual({ kind: 'dial' });
  });
});
