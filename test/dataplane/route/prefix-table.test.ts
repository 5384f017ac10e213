import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { wordMask } from '../../../dataplane/route/prefix.ts';
import { PrefixTable } from '../../../dataplane/route/prefix-table.ts';

type Key = readonly [number, number, number, number];

/** Keys that fit the length, few of them, so that they are set, found and deleted many times. */
function keyOf(length: number): fc.Arbitrary<Key> {
  const word = (index: number) => fc.nat(40).map((n) => Math.imul(n, 0x9e3779b1) & wordMask(length, index));
  return fc.tuple(word(0), word(1), word(2), word(3));
}

const step = (length: number) =>
  fc.record({ op: fc.constantFrom('set', 'set', 'delete', 'find'), key: keyOf(length), value: fc.nat(9) });

describe.each([1, 8, 32, 33, 64, 96, 127, 128])('PrefixTable of length %d', (length) => {
  test('does what a Map does', () => {
    fc.assert(
      fc.property(fc.array(step(length), { maxLength: 300 }), (steps) => {
        const table = new PrefixTable<number>(length);
        const model = new Map<string, number>();
        for (const { op, key, value } of steps) {
          if (op === 'set') {
            table.set(...key, value);
            model.set(String(key), value);
          } else if (op === 'delete') {
            expect(table.delete(...key)).toBe(model.delete(String(key)));
          }
          expect(table.find(...key)).toBe(model.get(String(key)));
          expect(table.size).toBe(model.size);
        }
        for (const [text, value] of model) {
          const [w0 = 0, w1 = 0, w2 = 0, w3 = 0] = text.split(',').map(Number);
          expect(table.find(w0, w1, w2, w3)).toBe(value);
        }
      }),
      { numRuns: 60 },
    );
  });
});

describe('PrefixTable', () => {
  test('find() ignores bits behind the length', () => {
    const table = new PrefixTable<string>(40);
    table.set(0xfd000000, 0x01000000, 0, 0, 'a');
    expect(table.find(0xfd000000, 0x01ffffff, 5, 6)).toBe('a');
    expect(table.find(0xfd000000, 0x02000000, 0, 0)).toBeUndefined();
  });

  test('takes words signed or unsigned', () => {
    const table = new PrefixTable<string>(32);
    table.set(0xff000000, 0, 0, 0, 'a');
    expect(table.find(0xff000000 | 0, 0, 0, 0)).toBe('a');
    expect(table.delete(0xff000000 | 0, 0, 0, 0)).toBe(true);
  });

  test('keeps 100,000 sequential keys apart, in time that does not grow with them', () => {
    const table = new PrefixTable<number>(32);
    for (let i = 1; i <= 100_000; i++) table.set(i, 0, 0, 0, i);
    expect(table.size).toBe(100_000);
    for (let i = 1; i <= 100_000; i++) if (table.find(i, 0, 0, 0) !== i) expect.unreachable(`key ${i}`);
    for (let i = 1; i <= 100_000; i += 2) table.delete(i, 0, 0, 0);
    expect(table.size).toBe(50_000);
    expect(table.find(99_999, 0, 0, 0)).toBeUndefined();
    expect(table.find(100_000, 0, 0, 0)).toBe(100_000);
  });
});
