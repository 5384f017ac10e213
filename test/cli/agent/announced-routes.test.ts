/** Who has what of the prefixes that peers announce, against a slow reference. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AnnouncedRoutes, type RouteChanges } from '../../../cli/agent/announced-routes.ts';
import type { RoutePolicy } from '../../../cli/agent/route-policy.ts';
import { parsePrefix } from '../../../dataplane/route/prefix.ts';

/** Refuses what is in the list: "key prefix" or "prefix". */
function policy(...refused: string[]): RoutePolicy {
  const fake: Pick<RoutePolicy, 'judge'> = {
    judge: (key, { words, length }) => {
      const text = `10.88.${(words[0] >>> 8) & 0xff}.0/${length}`;
      if (refused.includes(`known ${text}`)) return 'known';
      return refused.includes(text) || refused.includes(`${key} ${text}`) ? 'not_accepted' : null;
    },
  };
  return fake as RoutePolicy;
}

const P = (number: number) => `10.88.${number}.0/24`;

function set(routes: AnnouncedRoutes, slot: number, ...numbers: number[]) {
  return told(
    routes.set(
      slot,
      `k${slot}`,
      numbers.map((number) => parsePrefix(P(number))),
    ),
  );
}

function told({ removed, added }: RouteChanges): unknown {
  return { removed: Object.fromEntries(removed), added: Object.fromEntries(added) };
}

describe('AnnouncedRoutes', () => {
  test('set() tells what comes and goes', () => {
    const routes = new AnnouncedRoutes(policy(P(9), `known ${P(8)}`));
    expect(set(routes, 1, 1, 2, 8, 9)).toEqual({ removed: {}, added: { 1: [P(1), P(2)] } });
    expect(set(routes, 1, 2, 3, 8, 9)).toEqual({ removed: { 1: [P(1)] }, added: { 1: [P(3)] } });
    expect(set(routes, 1, 2, 3, 8, 9)).toEqual({ removed: {}, added: {} });
    expect([routes.accepted(1), routes.all()]).toEqual([
      [P(2), P(3)],
      [P(2), P(3)],
    ]);
    expect([...routes.refused(1)]).toEqual([['not_accepted', [P(9)]]]);
    expect(routes.summary(1)).toEqual({ accepted: [P(2), P(3)], refused: 1 });
    expect(routes.summary(7)).toEqual({ accepted: [], refused: 0 });
  });

  test('leaves a prefix to who announced it first, and then gives it to who waits longest', () => {
    const routes = new AnnouncedRoutes(policy());
    set(routes, 1, 1);
    expect(set(routes, 2, 1)).toEqual({ removed: {}, added: {} });
    expect(set(routes, 3, 1)).toEqual({ removed: {}, added: {} });
    expect([...routes.refused(2)]).toEqual([['taken', [P(1)]]]);
    expect(set(routes, 1)).toEqual({ removed: { 1: [P(1)] }, added: { 2: [P(1)] } });
    expect(told(routes.forget(2))).toEqual({ removed: { 2: [P(1)] }, added: { 3: [P(1)] } });
    expect(set(routes, 3)).toEqual({ removed: { 3: [P(1)] }, added: {} });
  });

  test('gives nothing to who no longer waits', () => {
    const routes = new AnnouncedRoutes(policy());
    set(routes, 1, 1);
    set(routes, 2, 1);
    set(routes, 2);
    expect(set(routes, 1)).toEqual({ removed: { 1: [P(1)] }, added: {} });
  });

  test('hold() gives up what another policy refuses and takes nothing, until use()', () => {
    const routes = new AnnouncedRoutes(policy());
    set(routes, 1, 1, 2);
    set(routes, 2, 1);
    expect(told(routes.hold(policy(`k1 ${P(1)}`)))).toEqual({ removed: { 1: [P(1)] }, added: {} });
    expect(set(routes, 1, 1, 2, 3)).toEqual({ removed: {}, added: {} });
    expect(set(routes, 1, 1, 3)).toEqual({ removed: { 1: [P(2)] }, added: {} });
    expect([...routes.refused(1)]).toEqual([['not_accepted', [P(1)]]]);
    expect(told(routes.use(policy(`k1 ${P(1)}`)))).toEqual({ removed: {}, added: { 1: [P(3)], 2: [P(1)] } });
    expect(told(routes.use(policy()))).toEqual({ removed: {}, added: {} });
    expect([...routes.refused(1)]).toEqual([['taken', [P(1)]]]);
  });

  test('follow a reference over any changes', () => {
    const numbers = fc.uniqueArray(fc.nat(5), { maxLength: 6 });
    const step = fc.oneof(
      fc.record({ kind: fc.constant('set' as const), slot: fc.nat(2), numbers }),
      fc.record({ kind: fc.constant('forget' as const), slot: fc.nat(2) }),
      fc.record({ kind: fc.constantFrom('hold' as const, 'use' as const), refused: numbers }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const routes = new AnnouncedRoutes(policy());
        const announced = new Map<number, Set<string>>();
        /** As the data plane sees it: one owner a prefix, or it refuses. */
        const owners = new Map<string, number>();
        let refused: string[] = [];
        let isHeld = false;
        for (const action of steps) {
          let changes: RouteChanges;
          if (action.kind === 'set') {
            const prefixes = action.numbers.map(P);
            announced.set(action.slot, new Set(prefixes));
            changes = routes.set(action.slot, `k${action.slot}`, prefixes.map(parsePrefix));
          } else if (action.kind === 'forget') {
            announced.delete(action.slot);
            changes = routes.forget(action.slot);
          } else {
            refused = action.refused.map(P);
            isHeld = action.kind === 'hold';
            changes = routes[action.kind](policy(...refused));
          }
          const before = new Map(owners);
          for (const [slot, texts] of changes.removed) {
            for (const text of texts) {
              expect(owners.get(text)).toBe(slot);
              owners.delete(text);
            }
          }
          for (const [slot, texts] of changes.added) {
            for (const text of texts) {
              expect(owners.has(text)).toBe(false);
              owners.set(text, slot);
            }
          }
          for (const [text, slot] of owners) {
            expect(announced.get(slot)?.has(text)).toBe(true);
            expect(refused).not.toContain(text);
          }
          for (const [text, slot] of before) {
            const mayStay = announced.get(slot)?.has(text) && !refused.includes(text);
            if (mayStay) expect(owners.get(text)).toBe(slot);
          }
          const wanted = [...announced.values()].flatMap((texts) => [...texts]);
          if (!isHeld) for (const text of wanted) expect(owners.has(text)).toBe(!refused.includes(text));
          else for (const text of owners.keys()) expect(before.has(text)).toBe(true);
          for (const [slot] of announced) {
            const own = [...owners].filter(([, owner]) => owner === slot).map(([text]) => text);
            expect(routes.accepted(slot).sort()).toEqual(own.sort());
          }
        }
      }),
      { numRuns: 300 },
    );
  });
});
