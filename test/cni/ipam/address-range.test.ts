import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Fields } from '../../../cni/fields.ts';
import {
  formatAddress,
  isAssignable,
  parseAddress,
  readRange,
  walk,
} from '../../../cni/ipam/address-range.ts';

const range = (json: object) => readRange(new Fields(json, 'range'));
const number = (text: string) => parseAddress(text)?.value ?? -1n;

/** The first `count` addresses of a walk. */
function first(sets: readonly object[], after: string | null, count = 100): string[] {
  const found: string[] = [];
  for (const { range: of, address } of walk(sets.map(range), after === null ? null : number(after))) {
    if (found.push(formatAddress(of.family, address)) === count) break;
  }
  return found;
}

describe('readRange()', () => {
  test.each([
    ['10.1.0.0/24', '10.1.0.1', '10.1.0.254', '10.1.0.1'],
    ['10.1.0.0/30', '10.1.0.1', '10.1.0.2', '10.1.0.1'],
    ['0.0.0.0/0', '0.0.0.1', '255.255.255.254', '0.0.0.1'],
    ['fd00::/64', 'fd00::1', 'fd00::ffff:ffff:ffff:ffff', 'fd00::1'],
    ['fd00::/126', 'fd00::1', 'fd00::3', 'fd00::1'],
  ])('%s begins at %s, ends at %s and has gateway %s', (subnet, start, end, gateway) => {
    const read = range({ subnet });
    expect([read.start, read.end, read.gateway]).toEqual([start, end, gateway].map(number));
  });

  test('tells which network was meant', () => {
    expect(() => range({ subnet: '10.1.0.77/24' })).toThrow('10.1.0.0/24');
  });
});

describe('isAssignable()', () => {
  test.each<[string, object, boolean]>([
    ['10.1.0.0', { subnet: '10.1.0.0/24', rangeStart: '10.1.0.0' }, false],
    ['10.1.0.255', { subnet: '10.1.0.0/24', rangeEnd: '10.1.0.255' }, false],
    ['10.1.0.1', { subnet: '10.1.0.0/24' }, false],
    ['10.1.0.1', { subnet: '10.1.0.0/24', gateway: '10.1.0.9' }, true],
    ['10.1.0.9', { subnet: '10.1.0.0/24', gateway: '10.1.0.9' }, false],
    ['10.1.0.9', { subnet: '10.1.0.0/24', rangeStart: '10.1.0.10' }, false],
    ['10.1.0.12', { subnet: '10.1.0.0/24', rangeEnd: '10.1.0.11' }, false],
    ['10.1.0.254', { subnet: '10.1.0.0/24' }, true],
    ['fd00::', { subnet: 'fd00::/120', rangeStart: 'fd00::' }, false],
    ['fd00::ff', { subnet: 'fd00::/120' }, true],
  ])('%s of %j: %s', (address, json, assignable) => {
    expect(isAssignable(range(json), number(address))).toBe(assignable);
  });
});

describe('walk()', () => {
  const SMALL = [{ subnet: '10.1.0.0/29' }];
  const TWO = [
    { subnet: '10.1.0.0/29', rangeStart: '10.1.0.5' },
    { subnet: '10.2.0.0/30' },
    { subnet: '10.3.0.0/30' },
  ];

  test('begins at the first address, then behind the last one, and comes round', () => {
    expect(first(SMALL, null)).toEqual(['10.1.0.2', '10.1.0.3', '10.1.0.4', '10.1.0.5', '10.1.0.6']);
    expect(first(SMALL, '10.1.0.4')).toEqual(['10.1.0.5', '10.1.0.6', '10.1.0.2', '10.1.0.3', '10.1.0.4']);
    expect(first(SMALL, '10.1.0.6')).toEqual(['10.1.0.2', '10.1.0.3', '10.1.0.4', '10.1.0.5', '10.1.0.6']);
  });

  test('goes through all ranges of a set', () => {
    expect(first(TWO, '10.2.0.2')).toEqual(['10.3.0.2', '10.1.0.5', '10.1.0.6', '10.2.0.2']);
  });

  test('begins anew behind an address that is of no range any more', () => {
    expect(first(SMALL, '10.9.0.1')).toHaveLength(5);
  });

  test('does not need to see the end of a range', () => {
    expect(first([{ subnet: 'fd00::/64' }], 'fd00::ffff:ffff:ffff:ffff', 2)).toEqual(['fd00::2', 'fd00::3']);
  });

  test('yields every assignable address once, wherever it begins', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 31 }), fc.integer({ min: 0, max: 31 }), (a, b) => {
        const [start, end] = [Math.min(a, b), Math.max(a, b)];
        const json = { subnet: '10.1.0.0/27', rangeStart: `10.1.0.${start}`, rangeEnd: `10.1.0.${end}` };
        const all = first([json], null);
        expect(new Set(all).size).toBe(all.length);
        expect(all.length).toBe(
          [...Array(32).keys()].filter((n) => n >= Math.max(start, 2) && n <= Math.min(end, 30)).length,
        );
        for (const after of all) expect(first([json], after).sort()).toEqual([...all].sort());
      }),
      { seed: 7 },
    );
  });
});
