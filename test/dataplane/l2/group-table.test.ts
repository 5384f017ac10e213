/** GroupTable against a plain list, with little room. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { GroupTable, NO_GROUP, NO_MEMBER } from '../../../dataplane/l2/group-table.ts';

const LIFETIME_MS = 100;
const MAX_GROUPS = 4;
const MAX_MEMBERS = 8;
const view = new DataView(new ArrayBuffer(32));
const AT = 3;

interface Wish {
  readonly key: string;
  readonly port: number;
  expiresMs: number;
}

const key = fc
  .record({ scope: fc.nat(2), address: fc.nat(2) })
  .map(({ scope, address }) => ({ scope, words: scope === 0 ? 1 : 4, address }));
const step = fc.record({
  kind: fc.constantFrom('join', 'join', 'join', 'join', 'curtail', 'wait', 'sweep', 'removePort'),
  key,
  port: fc.nat(3),
});
type Key = typeof key extends fc.Arbitrary<infer T> ? T : never;

/** Addresses of four words differ in the last one. */
function put({ words, address }: Key): void {
  for (let i = 0; i < 4; i++) view.setInt32(AT + i * 4, i === words - 1 ? address : 0);
}

function portsOf(table: GroupTable, group: number, nowMs: number): number[] {
  const ports: number[] = [];
  for (let each = table.first(group); each !== NO_MEMBER; each = table.next(each)) {
    if (table.isCurrent(each, nowMs)) ports.push(table.port(each));
  }
  return ports.sort();
}

describe('GroupTable', () => {
  test('agrees with a list of wishes', () => {
    const steps = fc.array(step, { maxLength: 150, size: 'max' });
    fc.assert(
      fc.property(fc.integer(), steps, (seed, actions) => {
        const table = new GroupTable(MAX_GROUPS, MAX_MEMBERS, seed);
        let wishes: Wish[] = [];
        let nowMs = 0;
        let openUntilMs = 0;
        for (const { kind, key: each, port } of actions) {
          const text = `${each.scope} ${each.address}`;
          put(each);
          const own = wishes.find((wish) => wish.key === text && wish.port === port);
          const groups = new Set(wishes.map((wish) => wish.key));
          if (kind === 'join') {
            const hasRoom =
              own !== undefined ||
              (wishes.length < MAX_MEMBERS && (groups.has(text) || groups.size < MAX_GROUPS));
            const joined = table.join(each.scope, view, AT, each.words, port, nowMs, LIFETIME_MS);
            expect(joined).toBe(hasRoom);
            if (own !== undefined) own.expiresMs = nowMs + LIFETIME_MS;
            else if (hasRoom) wishes.push({ key: text, port, expiresMs: nowMs + LIFETIME_MS });
            else openUntilMs = nowMs + LIFETIME_MS;
          } else if (kind === 'curtail') {
            const group = table.find(each.scope, view, AT, each.words);
            table.curtail(group, port, nowMs, 10);
            if (own !== undefined) own.expiresMs = Math.min(own.expiresMs, nowMs + 10);
          } else if (kind === 'wait') {
            nowMs += 9;
          } else if (kind === 'sweep') {
            table.sweep(nowMs);
            wishes = wishes.filter((wish) => wish.expiresMs > nowMs);
          } else {
            table.removePort(port);
            wishes = wishes.filter((wish) => wish.port !== port);
          }
          const group = table.find(each.scope, view, AT, each.words);
          const expected = wishes.filter((wish) => wish.key === text);
          const current = expected.filter((wish) => wish.expiresMs > nowMs).map((wish) => wish.port);
          expect(group !== NO_GROUP).toBe(expected.length > 0);
          expect(portsOf(table, group, nowMs)).toEqual(current.sort());
          if (group !== NO_GROUP) expect(table.isWanted(group, nowMs)).toBe(current.length > 0);
          expect(table.isOpen(nowMs)).toBe(nowMs < openUntilMs);
          expect(table.members).toBe(wishes.length);
          expect(table.groups).toBe(new Set(wishes.map((wish) => wish.key)).size);
        }
      }),
      { numRuns: 300, seed: 20_260_419 },
    );
  });

  test('tells groups apart by each bit of scope and address', () => {
    const table = new GroupTable(4, 4, 1);
    for (let i = 0; i < 16; i++) view.setUint8(AT + i, i);
    table.join(0x100, view, AT, 4, 1, 0, LIFETIME_MS);
    expect(table.find(0x100, view, AT, 4)).not.toBe(NO_GROUP);
    for (let bit = 0; bit < 25; bit++) expect(table.find(0x100 ^ (1 << bit), view, AT, 4)).toBe(NO_GROUP);
    for (let bit = 0; bit < 128; bit++) {
      const at = AT + (bit >> 3);
      view.setUint8(at, view.getUint8(at) ^ (1 << (bit & 7)));
      expect(table.find(0x100, view, AT, 4)).toBe(NO_GROUP);
      view.setUint8(at, view.getUint8(at) ^ (1 << (bit & 7)));
    }
  });

  test('NO_GROUP has no members', () => {
    expect(new GroupTable(1, 1, 1).first(NO_GROUP)).toBe(NO_MEMBER);
  });
});
