/** RxSa: expiry that only comes nearer, and acceptance apart from opening. */
import { describe, expect, test } from 'vitest';
import { RxSa } from '../../../dataplane/sa/rx-sa.ts';

function setUp(expiresAtMs = 1000) {
  const calls: number[][] = [];
  let destroyed = 0;
  const key = {
    open: (...call: number[]) => {
      calls.push(call);
      return destroyed === 0;
    },
    destroy: () => {
      destroyed++;
    },
  };
  const sa = new RxSa({ spi: 0xffff_fff0, lane: 1, slot: 4, key, expiresAtMs });
  return { sa, calls, destroyed: () => destroyed };
}

describe('RxSa.clamp()', () => {
  test.each([
    [500, 500],
    [1000, 1000],
    [2000, 1000],
    [-5, -5],
  ])('to %i leaves an expiry of 1000 at %i', (untilMs, expected) => {
    const { sa } = setUp();
    sa.clamp(untilMs);
    expect(sa.expiresAtMs).toBe(expected);
  });

  test('never extends an earlier clamp', () => {
    const { sa } = setUp();
    for (const untilMs of [700, 900, 30, 800]) sa.clamp(untilMs);
    expect(sa.expiresAtMs).toBe(30);
  });
});

describe('RxSa', () => {
  test('isExpired() from the very millisecond of its expiry', () => {
    const { sa } = setUp();
    expect([sa.isExpired(999), sa.isExpired(1000), sa.isExpired(1001)]).toEqual([false, true, true]);
  });

  test('open() passes on to the key and leaves the window alone', () => {
    const { sa, calls } = setUp();
    expect(sa.open(1, 2, 3, 4, 5, 6)).toBe(true);
    expect(calls).toEqual([[1, 2, 3, 4, 5, 6]]);
    expect([sa.packets, sa.window.highest]).toEqual([0, 0]);
  });

  test('accept() counts each counter once', () => {
    const { sa } = setUp();
    expect([sa.accept(5), sa.accept(5), sa.accept(4), sa.accept(0)]).toEqual([true, false, true, false]);
    expect([sa.packets, sa.window.highest]).toEqual([2, 5]);
  });

  test('destroy() destroys the key and expires', () => {
    const { sa, destroyed } = setUp();
    sa.destroy();
    expect([destroyed(), sa.isExpired(0), sa.open(0, 0, 0, 0, 0, 0)]).toEqual([1, true, false]);
  });
});
