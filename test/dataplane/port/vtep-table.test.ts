/** Where stations are: against a readable reference, at its bounds, and under attack. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { VtepTable } from '../../../dataplane/port/vtep-table.ts';
import { allocatedPerCall } from '../wire/allocation.ts';

const AT = 6;
const AGEING_MS = 1_000;
const SEED = Uint32Array.of(0x12345679, 0x9abcdef1, 0x0fedcba9, 0x87654321, 5);
const ALL_LIVE = new Uint8Array(1_024).fill(1);

const memory = new DataView(new ArrayBuffer(32));

/** A view with the address at AT. */
function at(mac: number): DataView {
  memory.setUint16(AT, Math.floor(mac / 2 ** 32));
  memory.setUint32(AT + 2, mac % 2 ** 32);
  return memory;
}

/** What the table should do, in a Map. */
class Reference {
  readonly #seen = new Map<number, { vtep: number; atMs: number }>();
  lookup(mac: number): number {
    return this.#seen.get(mac)?.vtep ?? -1;
  }
  learn(mac: number, vtep: number, nowMs: number): void {
    this.#seen.set(mac, { vtep, atMs: nowMs });
  }
  sweep(nowMs: number, isLive: Uint8Array): void {
    for (const [mac, { vtep, atMs }] of this.#seen) {
      if (nowMs - atMs > AGEING_MS || isLive[vtep] === 0) this.#seen.delete(mac);
    }
  }
  get size(): number {
    return this.#seen.size;
  }
}

const mac = fc.nat(39).map((n) => 0x0200_0000_0000 + n * 0x0001_0001_0001);
const vtep = fc.nat(3);
const step = fc.oneof(
  fc.record({ kind: fc.constant('learn' as const), mac, vtep, passMs: fc.nat(200) }),
  fc.record({ kind: fc.constant('lookup' as const), mac, vtep, passMs: fc.nat(400) }),
  fc.record({ kind: fc.constant('sweep' as const), mac, vtep, passMs: fc.nat(900) }),
);

describe('VtepTable', () => {
  test('does what a Map with times does, whatever comes', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        // Room for all addresses: whether there is any is another test's question.
        const table = new VtepTable(256, SEED, AGEING_MS);
        const reference = new Reference();
        let nowMs = 0;
        for (const { kind, mac, vtep, passMs } of steps) {
          nowMs += passMs;
          if (kind === 'learn') {
            expect(table.learn(at(mac), AT, vtep, nowMs)).toBe(true);
            reference.learn(mac, vtep, nowMs);
          } else if (kind === 'sweep') {
            const isLive = ALL_LIVE.map((_, i) => (i === vtep ? 0 : 1));
            table.sweep(nowMs, isLive);
            reference.sweep(nowMs, isLive);
            expect(table.size).toBe(reference.size);
          } else {
            expect(table.lookup(at(mac), AT)).toBe(reference.lookup(mac));
          }
        }
        expect([...table.stations(nowMs)].length).toBe(reference.size);
      }),
      { seed: 20_260_301, numRuns: 300 },
    );
  });

  test('sweep() lets a station go after the ageing time, to the millisecond', () => {
    const table = new VtepTable(4, SEED, AGEING_MS);
    table.learn(at(0x0200_0000_0001), AT, 3, 50);
    table.sweep(50 + AGEING_MS, ALL_LIVE);
    expect(table.lookup(at(0x0200_0000_0001), AT)).toBe(3);
    expect(table.lookup(at(0x0200_0000_0002), AT)).toBe(-1);
    table.sweep(51 + AGEING_MS, ALL_LIVE);
    expect(table.lookup(at(0x0200_0000_0001), AT)).toBe(-1);
  });

  test('lookup() takes no station for one that differs in any half', () => {
    // One window is the whole table.
    const table = new VtepTable(8, SEED);
    table.learn(at(0x0200_0000_0001), AT, 3, 0);
    expect(table.lookup(at(0x0200_0000_0001), AT)).toBe(3);
    for (const other of [0x0400_0000_0001, 0x0200_0000_0002, 0]) {
      expect(table.lookup(at(other), AT)).toBe(-1);
    }
  });

  test.each([
    ['a group', 0x0100_5e00_0001],
    ['all', 0xffff_ffff_ffff],
    ['nobody', 0],
  ])('learn() refuses the address of %s', (_, mac) => {
    const table = new VtepTable(4, SEED);
    expect(table.learn(at(mac), AT, 1, 0)).toBe(false);
    expect([table.size, table.lookup(at(mac), AT)]).toEqual([0, -1]);
  });

  test('learn() refuses a station beyond the cap, until one aged; moves still count', () => {
    const table = new VtepTable(2, SEED, AGEING_MS);
    const [a, b, c] = [0x0200_0000_0001, 0x0200_0000_0002, 0x0200_0000_0003];
    expect([table.learn(at(a), AT, 1, 0), table.learn(at(b), AT, 1, 500)]).toEqual([true, true]);
    expect(table.learn(at(c), AT, 1, 600)).toBe(false);
    expect(table.learn(at(b), AT, 2, 600)).toBe(true);
    expect(table.lookup(at(b), AT)).toBe(2);
    table.sweep(AGEING_MS + 1, ALL_LIVE);
    expect([table.size, table.learn(at(c), AT, 1, AGEING_MS + 1), table.size]).toEqual([1, true, 2]);
  });

  test('a million forged stations leave known ones alone, and lookups as short', () => {
    const table = new VtepTable(1_000, SEED);
    for (let i = 0; i < 500; i++) table.learn(at(0x0200_0000_0000 + i), AT, i & 7, 0);
    for (let i = 0; i < 1_000_000; i++) table.learn(at(0x0600_0000_0000 + i * 7_919), AT, 9, 1);
    expect(table.size).toBe(1_000);
    for (let i = 0; i < 500; i++) expect(table.lookup(at(0x0200_0000_0000 + i), AT)).toBe(i & 7);
  });

  test('fills to its cap with hardly a refusal', () => {
    const table = new VtepTable(8_192, SEED);
    let refused = 0;
    for (let i = 0; i < 8_192; i++) if (!table.learn(at(0x0200_0000_0000 + i * 65_537), AT, 1, 0)) refused++;
    expect(refused).toBeLessThan(8);
  });

  test('aged stations give way where a window is full, without a sweep', () => {
    const table = new VtepTable(1, SEED, AGEING_MS);
    table.learn(at(0x0200_0000_0001), AT, 1, 0);
    // One window is the whole table.
    expect(table.learn(at(0x0200_0000_0002), AT, 1, AGEING_MS)).toBe(false);
    expect(table.learn(at(0x0200_0000_0002), AT, 1, AGEING_MS + 1)).toBe(true);
    expect(table.lookup(at(0x0200_0000_0002), AT)).toBe(1);
    expect(table.size).toBe(1);
  });

  test('stations() writes addresses as people do', () => {
    const table = new VtepTable(4, SEED);
    table.learn(at(0x02ab_0003_f00d), AT, 2, 100);
    table.learn(at(0x0200_ffff_fffe), AT, 5, 200);
    expect([...table.stations(300)].sort((x, y) => y.ageMs - x.ageMs)).toEqual([
      { mac: '02:ab:00:03:f0:0d', vtep: 2, ageMs: 200 },
      { mac: '02:00:ff:ff:ff:fe', vtep: 5, ageMs: 100 },
    ]);
  });

  test('lookup() and learn() allocate nothing', () => {
    const table = new VtepTable(64, SEED);
    const nowMs = 1e12 + 0.5;
    let found = 0;
    const allocated = allocatedPerCall((i) => {
      memory.setUint16(AT, 0x0200);
      memory.setInt32(AT + 2, (i & 127) | 0x80000000);
      table.learn(memory, AT, i & 7, nowMs);
      if (table.lookup(memory, AT) >= 0) found++;
    });
    expect(allocated).toBeLessThan(1);
    expect(found).toBeGreaterThan(0);
  });
});
