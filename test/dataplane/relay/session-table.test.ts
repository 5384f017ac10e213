/** Sessions by key: against a Map, at the caps, and what a lookup leaves on the heap. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { NONE } from '../../../dataplane/relay/index-lists.ts';
import { Room, SessionTable } from '../../../dataplane/relay/session-table.ts';
import { allocatedPerCall } from '../../support/heap-growth.ts';

const SEED = Uint8Array.from({ length: 16 }, (_, i) => i * 17 + 3);
const LIMITS = { maxSessions: 12, maxPerGuest: 5, idleMs: 100, busyMs: 20 };
const memory = new DataView(new ArrayBuffer(64));

interface Key {
  readonly guest: number;
  readonly family: 4 | 6;
  readonly source: number;
  readonly destination: number;
  readonly ports: number;
}

/** Addresses that differ in their first and last words alone. */
function find(table: SessionTable, { guest, family, source, destination, ports }: Key): number {
  for (let at = 0; at < 64; at += 4) memory.setUint32(at, 0);
  memory.setUint32(0, source);
  memory.setUint32(12, source * 3);
  memory.setUint32(32, destination);
  memory.setUint32(44, destination * 5);
  return table.find(guest, family, memory, 0, 32, ports);
}

function keyText({ guest, family, source, destination, ports }: Key): string {
  return [guest, family, source, destination, ports].join();
}

/** What the table should do, in a Map whose order is that of use. */
class Reference {
  readonly sessions = new Map<string, { key: Key; usedAtMs: number }>();

  use(key: Key, nowMs: number): void {
    this.sessions.delete(keyText(key));
    this.sessions.set(keyText(key), { key, usedAtMs: nowMs });
  }

  /** @returns The session that has to go, null for none, or why there is no room. */
  victim(key: Key, nowMs: number): Key | null | 'full' | 'guestFull' {
    const all = [...this.sessions.values()];
    const ofGuest = all.filter((session) => session.key.guest === key.guest);
    const isFullFor = ofGuest.length >= LIMITS.maxPerGuest;
    if (!isFullFor && all.length < LIMITS.maxSessions) return null;
    const [oldest] = isFullFor ? ofGuest : all;
    if (oldest !== undefined && nowMs - oldest.usedAtMs >= LIMITS.busyMs) return oldest.key;
    return isFullFor ? 'guestFull' : 'full';
  }

  expired(nowMs: number): Key | null {
    const [oldest] = this.sessions.values();
    return oldest !== undefined && nowMs - oldest.usedAtMs >= LIMITS.idleMs ? oldest.key : null;
  }
}

const key: fc.Arbitrary<Key> = fc.record({
  guest: fc.nat(3),
  family: fc.constantFrom<4 | 6>(4, 6),
  source: fc.nat(1),
  destination: fc.nat(2),
  ports: fc.constantFrom(0x0001_0035, -1, 0x0002_0035),
});
const step = fc.record({
  key,
  kind: fc.constantFrom('send', 'send', 'send', 'expire', 'remove'),
  passMs: fc.nat(30),
});

describe('SessionTable', () => {
  test('does what a Map in the order of use does, whatever comes', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const table = new SessionTable(LIMITS, SEED);
        const reference = new Reference();
        let nowMs = 1_000;
        const drop = (slot: number, key: Key | null) => {
          expect(slot).toBe(key === null ? NONE : find(table, key));
          if (key === null) return;
          table.remove(slot);
          reference.sessions.delete(keyText(key));
          expect(find(table, key)).toBe(NONE);
        };
        for (const { key, kind, passMs } of steps) {
          nowMs += passMs;
          const slot = find(table, key);
          expect(slot !== NONE).toBe(reference.sessions.has(keyText(key)));
          if (kind === 'expire') drop(table.expired(nowMs), reference.expired(nowMs));
          else if (kind === 'remove' && slot !== NONE) drop(slot, key);
          else if (slot !== NONE) {
            table.use(slot, nowMs);
            reference.use(key, nowMs);
          } else {
            const victim = table.victim(nowMs);
            const expected = reference.victim(key, nowMs);
            if (expected === 'full' || expected === 'guestFull') {
              expect(victim).toBe(Room[expected]);
              continue;
            }
            if (expected === null) expect(victim).toBe(Room.free);
            else drop(victim, expected);
            find(table, key);
            const added = table.add(nowMs);
            reference.use(key, nowMs);
            expect(find(table, key)).toBe(added);
            expect([table.guest(added), table.family(added)]).toEqual([key.guest, key.family]);
          }
          expect(table.size).toBe(reference.sessions.size);
        }
        const order: string[] = [];
        for (let slot = table.first(); slot !== NONE; slot = table.next(slot)) {
          order.push([table.guest(slot), table.family(slot), table.destinationPort(slot)].join());
        }
        const expected = [...reference.sessions.values()].map(({ key }) =>
          [key.guest, key.family, key.ports & 0xffff].join(),
        );
        expect(order).toEqual(expected);
      }),
      { seed: 20_260_301, numRuns: 300 },
    );
  });

  test('tells apart keys that differ in any part, and gives all parts back', () => {
    const table = new SessionTable({ ...LIMITS, maxSessions: 64, maxPerGuest: 64 }, SEED);
    const base = Int32Array.from({ length: 8 }, (_, i) => 0x11111111 * (i + 1));
    const write = (words: Int32Array) => {
      for (const [i, word] of words.entries()) memory.setInt32(i * 4, word);
    };
    const variants: [number, 4 | 6, Int32Array, number][] = [
      [1, 6, base, 5],
      [2, 6, base, 5],
      [1, 6, base, 6],
      [1, 4, base, 5],
    ];
    for (let i = 0; i < 8; i++) variants.push([1, 6, base.map((word, j) => (i === j ? word ^ 1 : word)), 5]);
    for (const [guest, family, words, ports] of variants) {
      write(words);
      expect(table.find(guest, family, memory, 0, 16, ports)).toBe(NONE);
      expect(table.victim(0)).toBe(Room.free);
      table.add(0);
    }
    expect(table.size).toBe(variants.length);
    for (const [guest, family, words, ports] of variants) {
      write(words);
      const slot = table.find(guest, family, memory, 0, 16, ports);
      const back = new DataView(new ArrayBuffer(32));
      table.writeSource(slot, back, 0);
      table.writeDestination(slot, back, 16);
      const len = family === 4 ? 4 : 16;
      expect(Buffer.from(back.buffer, 0, len)).toEqual(Buffer.from(memory.buffer, 0, len));
      expect(Buffer.from(back.buffer, 16, len)).toEqual(Buffer.from(memory.buffer, 16, len));
      expect(table.destinationPort(slot)).toBe(ports);
    }
  });

  test('keeps guests apart however many come and go', () => {
    const table = new SessionTable(LIMITS, SEED);
    const keyOf = (guest: number, ports = 1): Key => ({ guest, family: 4, source: 1, destination: 1, ports });
    for (let guest = 0; guest < 100; guest++) {
      find(table, keyOf(guest));
      table.remove(table.add(0));
    }
    for (let ports = 1; ports <= 10; ports++) {
      find(table, keyOf(200 + (ports & 1), ports));
      expect(table.victim(0)).toBe(Room.free);
      table.add(0);
    }
    find(table, keyOf(200, 99));
    expect(table.victim(0)).toBe(Room.guestFull);
    find(table, keyOf(202, 99));
    expect(table.victim(0)).toBe(Room.free);
  });

  test('ofGuest() gives sessions of that guest until there are none', () => {
    const table = new SessionTable(LIMITS, SEED);
    for (let i = 0; i < 6; i++) {
      find(table, { guest: i % 2, family: 4, source: i, destination: 1, ports: 1 });
      table.add(0);
    }
    for (let slot = table.ofGuest(1), i = 0; i < 3; slot = table.ofGuest(1), i++) {
      expect(table.guest(slot)).toBe(1);
      table.remove(slot);
    }
    expect([table.ofGuest(1), table.size]).toEqual([NONE, 3]);
  });

  test('find() and use() allocate nothing', () => {
    const table = new SessionTable({ ...LIMITS, maxSessions: 256, maxPerGuest: 256 }, SEED);
    for (let i = 0; i < 200; i++) {
      memory.setInt32(0, i);
      if (table.find(1, 6, memory, 0, 16, -i) === NONE) table.add(1e12);
    }
    const nowMs = 1e12 + 0.5;
    let found = 0;
    let i = 0;
    const allocated = allocatedPerCall(10_000, () => {
      i++;
      memory.setInt32(0, i % 200);
      const slot = table.find(1, 6, memory, 0, 16, -(i % 200));
      if (slot === NONE) return;
      table.use(slot, nowMs);
      found++;
    });
    expect(allocated).toBeLessThan(1);
    expect(found).toBe(i);
  });
});
