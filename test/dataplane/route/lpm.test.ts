import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Lpm } from '../../../dataplane/route/lpm.ts';
import { addressBits, formatPrefix, type Prefix, parsePrefix } from '../../../dataplane/route/prefix.ts';
import type { IpWords } from '../../../dataplane/wire/ip-text.ts';
import { addressOf, covers, prefixOf, putAddress } from './arbitraries.ts';

const AT = 3;
const view = new DataView(new ArrayBuffer(32));

/** A list, searched from end to end. */
class ListLpm {
  private entries: { prefix: Prefix; value: number }[] = [];

  insert(prefix: Prefix, value: number): void {
    this.remove(prefix);
    this.entries.push({ prefix, value });
  }

  remove(prefix: Prefix): boolean {
    const before = this.entries.length;
    this.entries = this.entries.filter((entry) => formatPrefix(entry.prefix) !== formatPrefix(prefix));
    return this.entries.length < before;
  }

  get(prefix: Prefix): number | undefined {
    return this.entries.find((entry) => formatPrefix(entry.prefix) === formatPrefix(prefix))?.value;
  }

  lookup(address: IpWords, maxLength: number): number | undefined {
    return this.entries
      .filter(({ prefix }) => prefix.length <= maxLength && covers(prefix, address))
      .sort((a, b) => b.prefix.length - a.prefix.length)[0]?.value;
  }

  values(): number[] {
    return this.entries.map(({ value }) => value);
  }
}

describe.each([4, 6] as const)('Lpm of IPv%d', (family) => {
  test('does what a searched list does', () => {
    const step = fc.record({
      op: fc.constantFrom('insert', 'insert', 'remove'),
      prefix: prefixOf(family),
      value: fc.nat(99),
      address: addressOf(family),
      maxLength: fc.oneof(
        fc.constant(addressBits(family)),
        fc.integer({ min: -1, max: addressBits(family) }),
      ),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const lpm = new Lpm<number>(family);
        const list = new ListLpm();
        for (const { op, prefix, value, address, maxLength } of steps) {
          if (op === 'insert') {
            lpm.insert(prefix, value);
            list.insert(prefix, value);
          } else {
            expect(lpm.remove(prefix)).toBe(list.remove(prefix));
          }
          putAddress(view, AT, family, address);
          expect(lpm.lookup(view, AT, maxLength)).toBe(list.lookup(address, maxLength));
          expect(lpm.get(prefix)).toBe(list.get(prefix));
          expect([...lpm.values()].sort()).toEqual(list.values().sort());
        }
      }),
      { numRuns: 200 },
    );
  });
});

describe('Lpm', () => {
  test('lookup() goes on from match to match, longest first', () => {
    const lpm = new Lpm<string>(4);
    for (const text of ['0.0.0.0/0', '10.1.0.0/16', '10.0.0.0/8', '11.0.0.0/8', '10.1.2.3/32']) {
      lpm.insert(parsePrefix(text), text);
    }
    putAddress(view, AT, 4, parsePrefix('10.1.2.3').words);
    const lengths = [32, 31, 15, 7, -1];
    expect(lengths.map((length) => lpm.lookup(view, AT, length))).toEqual([
      '10.1.2.3/32',
      '10.1.0.0/16',
      '10.0.0.0/8',
      '0.0.0.0/0',
      undefined,
    ]);
  });

  test('lookup() of IPv4 reads four bytes only', () => {
    const lpm = new Lpm<string>(4);
    lpm.insert(parsePrefix('10.0.0.1'), 'a');
    const short = new DataView(new ArrayBuffer(4));
    short.setUint32(0, 0x0a000001);
    expect(lpm.lookup(short, 0, 32)).toBe('a');
  });

  test('refuses a prefix of the other family', () => {
    const lpm = new Lpm<string>(4);
    const prefix = parsePrefix('::/0');
    const message = 'Cannot use an IPv6 prefix: this table is for IPv4';
    expect(() => lpm.insert(prefix, 'a')).toThrow(new TypeError(message));
    expect(() => lpm.remove(prefix)).toThrow(TypeError);
    expect(() => lpm.get(prefix)).toThrow(TypeError);
  });
});
