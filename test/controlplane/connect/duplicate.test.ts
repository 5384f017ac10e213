import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RACE_WINDOW_MS, replaces } from '../../../controlplane/connect/duplicate.ts';

const at = (completedAtMs: number, dialledByLower: boolean) => ({ completedAtMs, dialledByLower });

describe('replaces()', () => {
  test.each([
    ['keeps what the lower key dialled in a race', at(0, true), at(100, false), false],
    ['takes what the lower key dialled in a race', at(0, false), at(100, true), true],
    ['takes the newest of one dialler', at(0, true), at(100, true), true],
    ['takes the newest after the race', at(0, true), at(RACE_WINDOW_MS + 1, false), true],
  ])('%s', (_, standing, newcomer, expected) => {
    expect(replaces(newcomer, standing)).toBe(expected);
  });

  test('leaves the same connection at both ends, whichever completes first at each', () => {
    const time = fc.integer({ min: 0, max: RACE_WINDOW_MS });
    fc.assert(
      fc.property(time, time, fc.boolean(), fc.boolean(), (a, b, firstHere, firstThere) => {
        const stays = (lowerFirst: boolean): boolean => {
          const [early, late] = [Math.min(a, b), Math.max(a, b)];
          const first = at(early, lowerFirst);
          const second = at(late, !lowerFirst);
          return (replaces(second, first) ? second : first).dialledByLower;
        };
        expect(stays(firstHere)).toBe(stays(firstThere));
      }),
    );
  });
});
