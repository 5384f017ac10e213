/** SpiMap against a Map, on keys that collide. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SpiMap } from '../../../dataplane/sa/spi-map.ts';
import { allocatedPerCall } from '../../support/heap-growth.ts';

/** SPIs that share a first place in a table of 64: the multiplier's inverse undoes the hash. */
const INVERSE = 0x0e8b_2f51;
const colliding = fc.integer({ min: 0, max: 40 }).map((i) => Math.imul((61 << 26) + i + 1, INVERSE) >>> 0);
const anySpi = fc.oneof(
  colliding,
  fc.integer({ min: 1, max: 0xffff_ffff }),
  fc.integer({ min: 1, max: 200 }),
);

describe('SpiMap', () => {
  test('the colliding keys of this test collide', () => {
    expect(Math.imul(INVERSE, 0x9e37_79b1) >>> 0).toBe(1);
  });

  test('agrees with a Map', () => {
    const action = fc.record({ kind: fc.constantFrom('set', 'set', 'delete'), spi: anySpi });
    fc.assert(
      fc.property(fc.array(action, { maxLength: 300 }), (actions) => {
        const map = new SpiMap<{ n: number }>();
        const reference = new Map<number, { n: number }>();
        actions.forEach(({ kind, spi }, n) => {
          if (kind === 'set') {
            map.set(spi, { n });
            reference.set(spi, { n });
          } else {
            expect(map.delete(spi)).toBe(reference.delete(spi));
          }
          expect(map.size).toBe(reference.size);
        });
        for (const { spi } of actions) expect(map.get(spi)).toEqual(reference.get(spi));
        const order = (a: { n: number }, b: { n: number }) => a.n - b.n;
        expect([...map.values()].sort(order)).toEqual([...reference.values()].sort(order));
      }),
      { numRuns: 300 },
    );
  });

  test('holds 20,000 entries and finds none that is not there', () => {
    const map = new SpiMap<number>();
    for (let i = 1; i <= 10_000; i++) {
      map.set(i, i);
      map.set(0x8000_0000 + i, -i);
    }
    expect(map.size).toBe(20_000);
    for (let i = 1; i <= 10_000; i++) {
      expect(map.get(i)).toBe(i);
      expect(map.get(0x8000_0000 + i)).toBe(-i);
      expect(map.get(0x4000_0000 + i)).toBeUndefined();
    }
    for (let i = 1; i <= 10_000; i += 2) map.delete(i);
    expect(map.size).toBe(15_000);
    expect([map.get(5), map.get(6), map.get(0x8000_0005)]).toEqual([undefined, 6, -5]);
  });

  test('has no entry for SPI 0', () => {
    const map = new SpiMap<number>();
    expect(() => map.set(0, 1)).toThrow(RangeError);
    expect([map.get(0), map.delete(0), map.size]).toEqual([undefined, false, 0]);
  });

  test('get() allocates nothing, for SPIs above 2^31 either', () => {
    const map = new SpiMap<number>();
    const view = new DataView(new ArrayBuffer(4));
    view.setUint32(0, 0xffff_fff1);
    map.set(0xffff_fff1, 7);
    let sum = 0;
    const growth = allocatedPerCall(50_000, () => {
      sum += map.get(view.getUint32(0)) ?? 0;
    });
    expect(growth).toBeLessThan(1);
    expect(sum).toBeGreaterThan(0);
  });
});
