/** NeighbourSlots against a Map. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { NeighbourSlots } from '../../../dataplane/l2/neighbour-slots.ts';
import type { IpWords } from '../../../dataplane/wire/ip-text.ts';

const AT = 1;
const view = new DataView(new ArrayBuffer(AT + 16));

interface Key {
  readonly family: 4 | 6;
  readonly words: IpWords;
  readonly vlan: number;
}

function put(words: IpWords): void {
  words.forEach((word, i) => {
    view.setUint32(AT + i * 4, word);
  });
}

function find(slots: NeighbourSlots, key: Key): number {
  put(key.words);
  return slots.find(view, key.family, AT, key.vlan);
}

/** Sets what is known of a key to numbers made from `n`. */
function store(slots: NeighbourSlots, key: Key, n: number): void {
  const known = find(slots, key);
  const slot = known >= 0 ? known : slots.insert(view, key.family, AT, key.vlan);
  slots.set(slot, n & 0xffff, -n, n % 7, n & 0xff, n + 0.5);
}

function valuesOf(slots: NeighbourSlots, slot: number) {
  return [slots.macHigh(slot), slots.macLow(slot), slots.port(slot), slots.flags(slot), slots.seenMs(slot)];
}

const word = fc.constantFrom(0, 1, 2, 0x0a4d0001, 0x80000000, 0xffffffff);
const anyKey = fc.record({
  family: fc.constantFrom<4 | 6>(4, 6),
  words: fc.tuple(
    word,
    word,
    fc.constantFrom(0, 1),
    fc.integer({ min: 0, max: 60 }),
  ) as fc.Arbitrary<IpWords>,
  vlan: fc.constantFrom(0, 1, 2 ** 24 - 1),
});

/** IPv4 keys that differ in what lies behind the address are one. */
function textOf(key: Key): string {
  const words = key.family === 4 ? key.words.slice(0, 1) : key.words;
  return [key.family, key.vlan, ...words].join(' ');
}

describe('NeighbourSlots', () => {
  test('agrees with a Map', () => {
    const action = fc.record({ kind: fc.constantFrom('set', 'set', 'set', 'remove'), key: anyKey });
    const input = fc.tuple(fc.integer(), fc.array(action, { maxLength: 300, size: 'max' }));
    fc.assert(
      fc.property(input, ([seed, actions]) => {
        const slots = new NeighbourSlots(seed);
        const reference = new Map<string, { key: Key; n: number }>();
        actions.forEach(({ kind, key }, n) => {
          const slot = find(slots, key);
          expect(slot >= 0).toBe(reference.has(textOf(key)));
          if (kind === 'set') {
            store(slots, key, n);
            reference.set(textOf(key), { key, n });
          } else if (slot >= 0) {
            slots.remove(slot);
            reference.delete(textOf(key));
          }
          expect(slots.size).toBe(reference.size);
        });
        for (const { key, n } of reference.values()) {
          const slot = find(slots, key);
          expect(valuesOf(slots, slot)).toEqual([n & 0xffff, -n | 0, n % 7, n & 0xff, n + 0.5]);
          const ip = key.family === 4 ? [key.words[0], 0, 0, 0] : key.words;
          expect([slots.family(slot), slots.vlan(slot), slots.ip(slot)]).toEqual([key.family, key.vlan, ip]);
        }
        const used = Array.from({ length: slots.capacity }, (_, slot) => slot).filter((s) => slots.isUsed(s));
        expect(used.length).toBe(reference.size);
        expect(slots.capacity).toBeGreaterThanOrEqual(2 * slots.size);
      }),
      { numRuns: 200, seed: 20_260_201 },
    );
  });

  test('holds 20,000 addresses and finds them in few steps after many changes', () => {
    const slots = new NeighbourSlots(7);
    const key = (n: number): Key => ({ family: 4, words: [0x0a000000 + n, 0, 0, 0], vlan: 0 });
    for (let n = 0; n < 20_000; n++) store(slots, key(n), n);
    for (let n = 20_000; n < 120_000; n++) {
      slots.remove(find(slots, key(n - 20_000)));
      store(slots, key(n), n);
    }
    expect(slots.size).toBe(20_000);
    expect(slots.capacity).toBe(65_536);
    let longest = 0;
    for (let slot = 0, run = 0; slot < slots.capacity; slot++) {
      run = slots.isUsed(slot) ? run + 1 : 0;
      longest = Math.max(longest, run);
    }
    expect(longest).toBeLessThan(40);
    expect([find(slots, key(99_999)), find(slots, key(120_000))]).toEqual([-1, -1]);
    expect(slots.seenMs(find(slots, key(100_000)))).toBe(100_000.5);
  });

  test('places the same addresses differently under another seed', () => {
    const placesOf = (seed: number) => {
      const slots = new NeighbourSlots(seed);
      return Array.from({ length: 16 }, (_, n) => {
        put([n, 0, 0, 0]);
        return slots.insert(view, 4, AT, 0);
      });
    };
    expect(placesOf(1)).toEqual(placesOf(1));
    expect(placesOf(1)).not.toEqual(placesOf(2));
  });
});
