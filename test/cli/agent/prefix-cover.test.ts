import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PrefixCover } from '../../../cli/agent/prefix-cover.ts';
import { contains, formatPrefix, parsePrefix, shortened } from '../../../dataplane/route/prefix.ts';

function covering(entries: readonly string[], prefix: string): (readonly [number, string])[] {
  return [...new PrefixCover(entries.map((entry) => [entry, entry])).covering(parsePrefix(prefix))];
}

describe('PrefixCover.covering()', () => {
  test.each<[string, string[], string, string[]]>([
    ['nothing', [], '10.0.0.0/8', []],
    ['the same prefix', ['10.0.0.0/8'], '10.0.0.0/8', ['10.0.0.0/8']],
    [
      'what contains it, longest first',
      ['0.0.0.0/0', '10.88.0.0/16', '10.0.0.0/8'],
      '10.88.1.0/24',
      ['10.88.0.0/16', '10.0.0.0/8', '0.0.0.0/0'],
    ],
    ['nothing that it contains', ['10.88.1.0/24'], '10.88.0.0/16', []],
    ['nothing of the other family', ['0.0.0.0/0'], 'fd88::/48', []],
    ['IPv6', ['fd88::/48', '::/0', 'fd89::/48'], 'fd88:0:0:1::/64', ['fd88::/48', '::/0']],
    ['an address without length', ['10.88.1.1'], '10.88.1.1/32', ['10.88.1.1']],
  ])('finds %s', (_, entries, prefix, expected) => {
    expect(covering(entries, prefix).map(([, value]) => value)).toEqual(expected);
  });

  test('finds what a look at each one finds', () => {
    const prefix = fc
      .tuple(fc.constantFrom('10.88.1.9', '10.88.129.9', '10.99.1.9', '172.16.1.9'), fc.nat(32))
      .map(([address, length]) => formatPrefix(shortened(parsePrefix(address), length)));
    fc.assert(
      fc.property(fc.uniqueArray(prefix, { maxLength: 12 }), prefix, (entries, wanted) => {
        const slow = entries.map(parsePrefix).filter((entry) => contains(entry, parsePrefix(wanted)));
        const expected = slow
          .sort((a, b) => b.length - a.length)
          .map((each) => [each.length, formatPrefix(each)]);
        expect(covering(entries, wanted)).toEqual(expected);
      }),
    );
  });
});
