/** The VTEPs of a tunnel: found by address, bounded, aged, replaced. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MAX_VTEPS, VtepKind, VtepSet } from '../../../dataplane/port/vtep-set.ts';
import { formatEndpoint, parseEndpoint, writeEndpoint } from '../../../dataplane/wire/endpoint.ts';
import { allocatedPerCall } from '../wire/allocation.ts';

const SEED = Uint32Array.of(0x12345679, 0x9abcdef1, 0x0fedcba9, 0x87654321, 5);
const PORT = 4_789;
const memory = new DataView(new ArrayBuffer(64));

/** The record of an endpoint, at 8. */
function at(address: string, port = 50_000): DataView {
  writeEndpoint(memory, 8, parseEndpoint({ address, port }));
  return memory;
}

const words = (...addresses: string[]) => addresses.map((address) => parseEndpoint({ address, port: PORT }));
const nth = (i: number) => `10.0.${i >> 8}.${i & 255}`;

function addressesOf(set: VtepSet): string[] {
  return [...set.kinds.entries()]
    .filter(([, kind]) => kind !== VtepKind.free)
    .map(([place]) => formatEndpoint(set.endpoint(place)).address)
    .sort();
}

describe('VtepSet', () => {
  test('find() knows an address from any port, and no address that differs in one word', () => {
    const set = new VtepSet(8, SEED);
    const place = set.add(at('fd00:1:2::3:4'), 8, PORT, VtepKind.configured, 0);
    expect(set.find(at('fd00:1:2::3:4', 1), 8)).toBe(place);
    for (const other of [
      'fd00:2:2::3:4',
      'fd00:1:2:1::3:4',
      'fd00:1:2::1:3:4',
      'fd00:1:2::3:5',
      '10.0.0.1',
    ]) {
      expect(set.find(at(other), 8)).toBe(-1);
    }
    expect(formatEndpoint(set.endpoint(place))).toEqual({ address: 'fd00:1:2::3:4', port: PORT });
  });

  test('takes MAX_VTEPS and not one more, and finds each', () => {
    const set = new VtepSet(MAX_VTEPS, SEED);
    for (let i = 0; i < MAX_VTEPS; i++) expect(set.add(at(nth(i)), 8, PORT, VtepKind.learned, 0)).toBe(i);
    expect(set.add(at(nth(MAX_VTEPS)), 8, PORT, VtepKind.learned, 0)).toBe(-1);
    expect(set.size).toBe(MAX_VTEPS);
    for (let i = 0; i < MAX_VTEPS; i++) expect(set.find(at(nth(i)), 8)).toBe(i);
    expect(set.find(at(nth(MAX_VTEPS)), 8)).toBe(-1);
  });

  test('sweep() removes learned ones that were silent, and configured ones never', () => {
    const set = new VtepSet(8, SEED);
    set.add(at('10.0.0.1'), 8, PORT, VtepKind.configured, 0);
    const heard = set.add(at('10.0.0.2'), 8, PORT, VtepKind.learned, 0);
    set.add(at('10.0.0.3'), 8, PORT, VtepKind.learned, 0);
    set.seen(heard, 500);
    expect(set.sweep(1_000, 1_000)).toBe(false);
    expect(set.sweep(1_001, 1_000)).toBe(true);
    expect(addressesOf(set)).toEqual(['10.0.0.1', '10.0.0.2']);
    expect(set.find(at('10.0.0.3'), 8)).toBe(-1);
    expect([set.find(at('10.0.0.2'), 8), set.size]).toEqual([heard, 2]);
  });

  test('retain() and configure() replace configured ones in place, and keep learned ones', () => {
    const set = new VtepSet(8, SEED);
    set.configure(words('10.0.0.1', '10.0.0.2', '10.0.0.2'));
    set.add(at('10.0.0.3'), 8, PORT, VtepKind.learned, 0);
    const kept = set.find(at('10.0.0.2'), 8);
    const next = [...words('10.0.0.3', '10.0.0.4'), parseEndpoint({ address: '10.0.0.2', port: 8_472 })];
    set.retain(next);
    expect(addressesOf(set)).toEqual(['10.0.0.2', '10.0.0.3']);
    set.configure(next);
    expect(addressesOf(set)).toEqual(['10.0.0.2', '10.0.0.3', '10.0.0.4']);
    expect(set.find(at('10.0.0.2'), 8)).toBe(kept);
    expect(formatEndpoint(set.endpoint(kept)).port).toBe(8_472);
    // The learned one is configured now.
    expect([set.sweep(1e6, 1), set.size]).toEqual([false, 3]);
  });

  test('retain() lets learned ones go only where configured ones need their room', () => {
    const set = new VtepSet(3, SEED);
    set.configure(words('10.0.0.1'));
    set.add(at('10.0.0.2'), 8, PORT, VtepKind.learned, 0);
    set.retain(words('10.0.0.1', '10.0.0.3'));
    expect(set.size).toBe(2);
    set.retain(words('10.0.0.1', '10.0.0.3', '10.0.0.4'));
    expect(addressesOf(set)).toEqual(['10.0.0.1']);
  });

  test('finds what a Set of addresses would, after any additions and removals', () => {
    const address = fc.nat(30).map(nth);
    const step = fc.record({ add: fc.boolean(), address, silentMs: fc.nat(50) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const set = new VtepSet(24, SEED);
        const seen = new Map<string, number>();
        steps.forEach(({ add, address, silentMs }, nowMs) => {
          if (add && !seen.has(address)) {
            const isTaken = set.add(at(address), 8, PORT, VtepKind.learned, nowMs) >= 0;
            expect(isTaken).toBe(seen.size < 24);
            if (isTaken) seen.set(address, nowMs);
          } else if (!add) {
            set.sweep(nowMs, silentMs);
            for (const [key, atMs] of seen) if (nowMs - atMs > silentMs) seen.delete(key);
          }
          expect(set.find(at(address), 8) >= 0).toBe(seen.has(address));
        });
        expect(addressesOf(set)).toEqual([...seen.keys()].sort());
      }),
      { seed: 20_260_302, numRuns: 300 },
    );
  });

  test('find() allocates nothing', () => {
    const set = new VtepSet(64, SEED);
    for (let i = 0; i < 64; i++) set.add(at(`250.0.0.${i}`), 8, PORT, VtepKind.configured, 0);
    const nowMs = 1e12 + 0.5;
    let found = 0;
    const allocated = allocatedPerCall((i) => {
      memory.setUint8(8 + 15, i & 127);
      const place = set.find(memory, 8);
      if (place < 0) return;
      set.seen(place, nowMs);
      found++;
    });
    expect(allocated).toBeLessThan(1);
    expect(found).toBeGreaterThan(0);
  });
});
