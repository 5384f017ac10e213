import fc from 'fast-check';
import { expect, test } from 'vitest';
import { OwnedRoutes } from '../../../dataplane/route/owned-routes.ts';
import { parsePrefix } from '../../../dataplane/route/prefix.ts';
import { RouteEntry } from '../../../dataplane/route/route-entry.ts';

const ALL = parsePrefix('0.0.0.0/0');
const OWNERS = ['a', 'b'];

test('OwnedRoutes lists the routes of each owner in the order in which they came', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(9), { maxLength: 60 }), (picks) => {
      const entries = Array.from({ length: 10 }, (_, i) => new RouteEntry(ALL, ALL, OWNERS[i % 2] ?? ''));
      const owned = new OwnedRoutes<string>();
      let model: RouteEntry<string>[] = [];
      for (const entry of picks.flatMap((pick) => entries[pick] ?? [])) {
        if (model.includes(entry)) {
          owned.remove(entry);
          model = model.filter((other) => other !== entry);
        } else {
          owned.add(entry);
          model.push(entry);
        }
        for (const owner of OWNERS) {
          const expected = model.filter((other) => other.owner === owner);
          const found = owned.of(owner);
          expect(found.length).toBe(expected.length);
          expect(found.every((other, i) => other === expected[i])).toBe(true);
          expect(owned.oldestOf(owner) === expected[0]).toBe(true);
        }
      }
    }),
  );
});
