/** MacTable against a Map, and what its hash does with chosen addresses. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MacTable, NO_SLOT } from '../../../dataplane/l2/mac-table.ts';
import { mix } from '../../../dataplane/l2/mix.ts';

const keyOf = (hi: number, lo: number) => hi * 2 ** 32 + (lo >>> 0);

describe('MacTable', () => {
  test('agrees with a Map when nearly all places are used', () => {
    const action = fc.record({ isInsert: fc.boolean(), hi: fc.nat(3), lo: fc.integer({ min: -4, max: 4 }) });
    const actions = fc.array(action, { maxLength: 200, size: 'max' });
    fc.assert(
      fc.property(fc.integer(), actions, (seed, steps) => {
        const table = new MacTable(7, seed);
        const reference = new Map<number, number>();
        for (const [n, { isInsert, hi, lo }] of steps.entries()) {
          const slot = table.find(hi, lo);
          expect(slot !== NO_SLOT).toBe(reference.has(keyOf(hi, lo)));
          if (isInsert && slot === NO_SLOT && reference.size < table.capacity - 1) {
            const added = table.insert(hi, lo, n);
            expect([table.isStatic(added), table.moves(added)]).toEqual([false, 0]);
            expect([table.seenMs(added), table.movingSinceMs(added)]).toEqual([0, 0]);
            if (n % 2 === 0) table.setStatic(added);
            table.setMoves(added, n);
            table.setSeen(added, n);
            table.setMovingSince(added, n + 0.5);
            reference.set(keyOf(hi, lo), n);
          } else if (!isInsert && slot !== NO_SLOT) {
            table.remove(slot);
            reference.delete(keyOf(hi, lo));
          }
          expect(table.size).toBe(reference.size);
        }
        for (const [key, n] of reference) {
          const slot = table.find(Math.floor(key / 2 ** 32), (key % 2 ** 32) | 0);
          expect([table.port(slot), table.moves(slot), table.isStatic(slot)]).toEqual([n, n, n % 2 === 0]);
          expect([table.seenMs(slot), table.movingSinceMs(slot)]).toEqual([n, n + 0.5]);
          expect(keyOf(table.hi(slot), table.lo(slot))).toBe(key);
        }
      }),
      { numRuns: 200, seed: 20_260_418 },
    );
  });

  test('has at least twice as many places as entries', () => {
    expect([1, 8, 9, 16_384, 16_385].map((entries) => new MacTable(entries, 1).capacity)).toEqual([
      16, 16, 32, 32_768, 65_536,
    ]);
  });

  test('tells addresses apart by each of their bits', () => {
    const table = new MacTable(64, 7);
    table.insert(0x0242, 0x0a0b0c0d, 1);
    for (let bit = 0; bit < 16; bit++) expect(table.find(0x0242 ^ (1 << bit), 0x0a0b0c0d)).toBe(NO_SLOT);
    for (let bit = 0; bit < 32; bit++) expect(table.find(0x0242, 0x0a0b0c0d ^ (1 << bit))).toBe(NO_SLOT);
    expect(table.find(0x0242, 0x0a0b0c0d)).not.toBe(NO_SLOT);
  });

  test('no addresses share a place under every seed', () => {
    // Both halves mixed together are the same for all of them, as long as no key is in between.
    const aimed: [number, number][] = [];
    for (let lo = 0; aimed.length < 20; lo++) if (mix(lo) >>> 16 === 7) aimed.push([mix(lo) & 0xffff, lo]);
    const places = new Set(aimed.map(([hi, lo]) => new MacTable(512, 2).insert(hi, lo, 0)));
    expect(places.size).toBeGreaterThan(15);
  });

  test('puts addresses that share a place under one seed elsewhere under another', () => {
    const first = (seed: number, hi: number, lo: number) => new MacTable(512, seed).insert(hi, lo, 0);
    const place = first(1, 0x0200, 0);
    const sharing: [number, number][] = [];
    for (let lo = 1; sharing.length < 20; lo++) {
      const hi = 0x0200 + (lo % 7) * 2;
      if (first(1, hi, lo) === place) sharing.push([hi, lo]);
    }
    const places = new Set(sharing.map(([hi, lo]) => first(2, hi, lo)));
    expect(places.size).toBeGreaterThan(15);
  });
});
