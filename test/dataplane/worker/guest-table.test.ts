import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatPrefix, parsePrefix } from '../../../dataplane/route/prefix.ts';
import { GuestTable, type PrefixOwner } from '../../../dataplane/worker/guest-table.ts';
import { addressBytes } from '../path/packets.ts';

interface Named extends PrefixOwner {
  readonly name: string;
}

function guest(name: string, ...prefixes: string[]): Named {
  return { name, prefixes: prefixes.map(parsePrefix) };
}

function lookup(table: GuestTable<Named>, ip: string): string | undefined {
  const bytes = addressBytes(ip);
  return table.lookup(new DataView(bytes.buffer), bytes.length === 4 ? 4 : 6, 0)?.name;
}

describe('GuestTable', () => {
  test('lookup() finds the guest of the longest prefix, of each family', () => {
    const table = new GuestTable<Named>();
    table.add(guest('wide', '10.0.0.0/8', 'fd00::/8'));
    table.add(guest('narrow', '10.1.0.0/16', 'fd01::/16'));
    expect(lookup(table, '10.1.2.3')).toBe('narrow');
    expect(lookup(table, '10.2.2.3')).toBe('wide');
    expect(lookup(table, 'fd01::1')).toBe('narrow');
    expect(lookup(table, 'fd02::1')).toBe('wide');
    expect(lookup(table, '192.0.2.1')).toBeUndefined();
    expect(lookup(table, '2001:db8::1')).toBeUndefined();
  });

  test('add() refuses a prefix that a guest has, and changes nothing then', () => {
    const table = new GuestTable<Named>();
    table.add(guest('a', '10.0.0.1'));
    expect(() => table.add(guest('b', '10.0.0.2', '10.0.0.1'))).toThrow('10.0.0.1/32');
    expect(lookup(table, '10.0.0.2')).toBeUndefined();
    expect(lookup(table, '10.0.0.1')).toBe('a');
    expect(() => table.add(guest('c', 'fd00::1', 'fd00::1'))).toThrow(RangeError);
    expect(lookup(table, 'fd00::1')).toBeUndefined();
  });

  test('remove() leaves what others have', () => {
    const table = new GuestTable<Named>();
    const narrow = guest('narrow', '10.1.0.0/16');
    table.add(guest('wide', '10.0.0.0/8'));
    table.add(narrow);
    table.remove(narrow);
    expect(lookup(table, '10.1.2.3')).toBe('wide');
  });

  test('agrees with a search through all prefixes', () => {
    const bits = fc.integer({ min: 0, max: 255 });
    const prefixes = fc.uniqueArray(fc.tuple(bits, fc.integer({ min: 0, max: 8 })), {
      selector: ([byte, length]) => `${byte & (0xff00 >> length)} ${length}`,
      maxLength: 20,
    });
    fc.assert(
      fc.property(prefixes, bits, (all, byte) => {
        const table = new GuestTable<Named>();
        const guests = all.map(([value, length]) => {
          const text = `10.0.0.${value & (0xff00 >> length)}/${24 + length}`;
          const made = guest(text, text);
          table.add(made);
          return { made, value, length };
        });
        const best = guests
          .filter(({ value, length }) => ((value ^ byte) & (0xff00 >> length) & 0xff) === 0)
          .sort((a, b) => b.length - a.length)[0];
        const [prefix] = best?.made.prefixes ?? [];
        expect(lookup(table, `10.0.0.${byte}`)).toBe(prefix && formatPrefix(prefix));
      }),
      { seed: 7, numRuns: 300 },
    );
  });
});
