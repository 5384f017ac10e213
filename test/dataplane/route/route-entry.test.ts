import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { equalPrefixes } from '../../../dataplane/route/prefix.ts';
import { RouteEntry } from '../../../dataplane/route/route-entry.ts';
import { addressOf, covers, prefixOf, putAddress } from './arbitraries.ts';

describe.each([4, 6] as const)('RouteEntry of IPv%d', (family) => {
  const prefix = prefixOf(family);

  test('gives back the prefixes that it was made of', () => {
    fc.assert(
      fc.property(prefix, prefix, (dst, src) => {
        const entry = new RouteEntry(dst, src, 'a');
        expect([entry.dst, entry.src]).toEqual([dst, src]);
        expect(entry.isFor(dst, src)).toBe(true);
      }),
    );
  });

  test('isFor() and find() compare every bit', () => {
    fc.assert(
      fc.property(prefix, prefix, prefix, (dst, src, other) => {
        const entry = new RouteEntry(dst, src, 'a');
        expect(entry.isFor(other, src)).toBe(equalPrefixes(other, dst));
        expect(entry.isFor(dst, other)).toBe(equalPrefixes(other, src));
        expect(entry.find(other) === entry).toBe(equalPrefixes(other, src));
      }),
    );
  });

  test('match() reads the address and no more', () => {
    const view = new DataView(new ArrayBuffer(family === 4 ? 4 : 16));
    fc.assert(
      fc.property(prefix, addressOf(family), (src, address) => {
        putAddress(view, 0, family, address);
        const entry = new RouteEntry(src, src, 'a');
        expect(entry.match(view, 0)).toBe(covers(src, address) ? entry : null);
      }),
    );
  });
});
