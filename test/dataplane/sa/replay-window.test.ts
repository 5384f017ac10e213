/** ReplayWindow against a table and against a set that remembers everything. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ReplayWindow, WINDOW_WIDTH } from '../../../dataplane/sa/replay-window.ts';
import { allocatedPerCall } from '../../support/heap-growth.ts';

const MAX = Number.MAX_SAFE_INTEGER;

function windowAfter(...counters: number[]): ReplayWindow {
  const window = new ReplayWindow();
  for (const counter of counters) expect(window.accept(counter), `accept ${counter}`).toBe(true);
  return window;
}

/** What the window stands for: a set of all counters, and the width. */
class Reference {
  readonly #seen = new Set<number>();
  #highest = 0;

  accept(counter: number): boolean {
    if (counter < 1 || counter > MAX || this.#seen.has(counter)) return false;
    if (counter <= this.#highest - WINDOW_WIDTH) return false;
    this.#seen.add(counter);
    this.#highest = Math.max(this.#highest, counter);
    return true;
  }
}

describe('ReplayWindow.accept()', () => {
  test('is at least 8,128 counters wide', () => {
    expect(WINDOW_WIDTH).toBeGreaterThanOrEqual(8128);
  });

  test.each([
    ['0', [], 0, false],
    ['a negative number', [], -1, false],
    ['NaN', [], Number.NaN, false],
    ['2^53, where numbers are not exact', [], 2 ** 53, false],
    ['infinity', [], Number.POSITIVE_INFINITY, false],
    ['the first counter', [], 1, true],
    ['a first counter far ahead', [], MAX, true],
    ['the same counter again', [7], 7, false],
    ['a lower counter that was not seen', [7], 3, true],
    ['a lower counter again', [7, 3], 3, false],
    ['the last counter in the window', [WINDOW_WIDTH + 5], 6, true],
    ['a counter behind the window', [WINDOW_WIDTH + 5], 5, false],
    ['the last counter in a window at the top', [MAX], MAX - WINDOW_WIDTH + 1, true],
    ['a counter behind a window at the top', [MAX], MAX - WINDOW_WIDTH, false],
    ['a counter one ring ahead of one seen', [5], 5 + 8192, true],
    ['a counter whose place was taken a ring ago', [5, 6 + 8192], 5 + 8192, true],
    ['a counter whose place was taken long ago', [5, 6 + 8192 * 9], 5 + 8192 * 9, true],
    ['a counter behind a jump of 2^32', [5, 2 ** 32 + 5], 2 ** 32 + 4, true],
    ['a counter again after a jump of 2^32', [2 ** 32 + 5, 2 ** 32 + 6], 2 ** 32 + 5, false],
  ] as const)('%s', (_, before, counter, expected) => {
    const window = windowAfter(...before);
    expect(window.check(counter)).toBe(expected);
    expect(window.accept(counter)).toBe(expected);
    expect(window.check(counter)).toBe(false);
  });

  test('accepts every counter of a full window once, backwards too', () => {
    const window = windowAfter(2 * WINDOW_WIDTH);
    for (let counter = 2 * WINDOW_WIDTH - 1; counter > WINDOW_WIDTH; counter--) {
      expect(window.accept(counter)).toBe(true);
    }
    for (let counter = 2 * WINDOW_WIDTH; counter > 0; counter--) expect(window.accept(counter)).toBe(false);
  });

  test('agrees with a set of all counters', () => {
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.integer({ min: -40, max: 40 }) },
      { weight: 3, arbitrary: fc.integer({ min: -WINDOW_WIDTH - 40, max: WINDOW_WIDTH + 40 }) },
      { weight: 1, arbitrary: fc.integer({ min: -20_000, max: 2 ** 33 }) },
    );
    const start = fc.constantFrom(1, 31, 32, 8191, 2 ** 31, 2 ** 32 - 1, MAX - 30_000);
    fc.assert(
      fc.property(start, fc.array(step, { minLength: 1, maxLength: 300 }), (from, steps) => {
        const window = new ReplayWindow();
        const reference = new Reference();
        for (const offset of steps) {
          const counter = (window.highest || from) + offset;
          const expected = reference.accept(counter);
          expect(window.check(counter)).toBe(expected);
          expect(window.accept(counter), `${counter}`).toBe(expected);
        }
      }),
      { numRuns: 300 },
    );
  });

  test('allocates nothing', () => {
    const window = new ReplayWindow();
    let counter = 0;
    expect(allocatedPerCall(50_000, () => window.accept(++counter))).toBeLessThan(1);
  });
});

describe('ReplayWindow.check()', () => {
  test('changes nothing, however far ahead the counter is', () => {
    const window = windowAfter(100);
    expect(window.check(2 ** 40)).toBe(true);
    expect(window.highest).toBe(100);
    expect(window.check(99)).toBe(true);
    expect(window.accept(99)).toBe(true);
    expect(window.accept(100)).toBe(false);
  });
});
