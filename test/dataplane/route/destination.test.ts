import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Destination, withoutRoute, withRoute } from '../../../dataplane/route/destination.ts';
import { formatPrefix, parsePrefix } from '../../../dataplane/route/prefix.ts';
import { RouteEntry } from '../../../dataplane/route/route-entry.ts';
import { addressOf, covers, prefixOf, putAddress } from './arbitraries.ts';

type Entry = RouteEntry<string>;

const AT = 3;
const view = new DataView(new ArrayBuffer(32));
const DST = { 4: parsePrefix('10.0.0.0/8'), 6: parsePrefix('fd00::/8') } as const;

describe.each([4, 6] as const)('Destination of IPv%d', (family) => {
  const sources = fc.uniqueArray(prefixOf(family), { minLength: 1, maxLength: 30, selector: formatPrefix });

  test('finds the longest source and its owners, however many sources come and go', () => {
    const changes = fc.array(fc.nat(29), { minLength: 1, maxLength: 120 });
    fc.assert(
      fc.property(sources, changes, addressOf(family), (prefixes, picks, address) => {
        putAddress(view, AT, family, address);
        let routes: Destination<string> | undefined;
        let model: Entry[] = [];
        for (const pick of picks) {
          const src = prefixes[pick % prefixes.length] ?? DST[family];
          const known = model.find((entry) => formatPrefix(entry.src) === formatPrefix(src));
          if (known === undefined) {
            const entry = new RouteEntry(DST[family], src, String(pick % 5));
            routes = withRoute(routes, entry);
            model.push(entry);
          } else if (routes !== undefined) {
            routes = withoutRoute(routes, known);
            model = model.filter((entry) => entry !== known);
          }
          const longest = model
            .filter((entry) => covers(entry.src, address))
            .sort((a, b) => b.srcLength - a.srcLength)[0];
          expect(routes?.match(view, AT) ?? undefined).toBe(longest);
          expect(routes?.find(src) ?? undefined).toBe(known === undefined ? model.at(-1) : undefined);
          expect(routes?.dstLength).toBe(model.length === 0 ? undefined : 8);
          for (const owner of ['0', '1', '4']) {
            expect(routes?.hasOwner(owner) ?? false).toBe(model.some((entry) => entry.owner === owner));
          }
        }
      }),
      { numRuns: 200 },
    );
  });
});

describe('Destination', () => {
  const entries = Array.from(
    { length: 9 },
    (_, i) => new RouteEntry(DST[4], parsePrefix(`10.0.0.${i}`), `owner ${i}`),
  );

  test('of one route is the route itself; of nine it is none of them; of four it is one again', () => {
    let routes: Destination<string> | undefined;
    const isEntry: boolean[] = [];
    for (const entry of entries) {
      routes = withRoute(routes, entry);
      isEntry.push(entries.some((other) => other === routes));
    }
    expect(isEntry).toEqual([true, true, true, true, true, true, true, true, false]);
    const left = entries.map((entry) => {
      routes = routes === undefined ? undefined : withoutRoute(routes, entry);
      return entries.some((other) => other === routes);
    });
    expect(left).toEqual([false, false, false, false, true, true, true, true, false]);
    expect(routes).toBeUndefined();
    expect(entries.map(({ nextSource }) => nextSource)).toEqual(entries.map(() => null));
  });
});
