/** TAI64N labels: layout, and that they rise whatever the clock does. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  compareTai64n,
  encodeTai64n,
  TAI64N_LEN,
  Tai64nClock,
} from '../../../controlplane/handshake/tai64n.ts';
import { hexOf } from '../hex.ts';

describe('encodeTai64n()', () => {
  test.each([
    // libtai's tai_now.c: seconds are 4611686018427387914 + Unix time.
    [0n, '400000000000000a00000000'],
    [1n, '400000000000000a00000001'],
    [999_999_999n, '400000000000000a3b9ac9ff'],
    [1_000_000_000n, '400000000000000b00000000'],
    [1_700_000_000_123_456_789n, '400000006553f10a075bcd15'],
  ])('writes %d ns as %s', (unixNs, label) => {
    expect(hexOf(encodeTai64n(unixNs))).toBe(label);
  });
});

describe('Tai64nClock.now()', () => {
  test('gives the time of its clock', () => {
    const label = new Tai64nClock(() => 1_700_000_000_123.5).now();
    expect(hexOf(label)).toBe(hexOf(encodeTai64n(1_700_000_000_123_500_000n)));
    expect(label.length).toBe(TAI64N_LEN);
  });

  test('rises strictly while the clock stands, jumps or runs backwards', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 2 ** 43 }), { minLength: 2 }), (times) => {
        let nowMs = 0;
        const clock = new Tai64nClock(() => nowMs);
        let last: Uint8Array = new Uint8Array(TAI64N_LEN);
        for (nowMs of times) {
          const label = clock.now();
          expect(compareTai64n(label, last)).toBeGreaterThan(0);
          expect(compareTai64n(last, label)).toBeLessThan(0);
          last = label;
        }
        expect(compareTai64n(last, last.slice())).toBe(0);
      }),
    );
  });

  test('carries nanoseconds into seconds when the clock stands', () => {
    let nowMs = 999.999999;
    const clock = new Tai64nClock(() => nowMs);
    clock.now();
    nowMs = 0;
    expect(hexOf(clock.now())).toBe('400000000000000b00000000');
  });
});
