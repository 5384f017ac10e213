import { isIPv4, isIPv6 } from 'node:net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatIp, isMappedV4, mapV4, parseIp } from '../../../dataplane/wire/ip-text.ts';

function canonical(text: string): string | null {
  const ip = parseIp(text);
  return ip === null ? null : formatIp(ip.family, ip.words);
}

describe('parseIp() and formatIp()', () => {
  test.each([
    // RFC 5952 §1, §2: eight ways to write one address.
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:0db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:db8::1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:db8::0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:0db8::1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:db8:0:0:1::1', '2001:db8::1:0:0:1'],
    ['2001:DB8:0:0:1::1', '2001:db8::1:0:0:1'],
    // §4.1 leading zeros, §4.2.1 as short as possible.
    ['2001:0db8::0001', '2001:db8::1'],
    ['2001:db8:0:0:0:0:2:1', '2001:db8::2:1'],
    // §4.2.2 one group is not shortened.
    ['2001:db8::1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    // §4.2.3 the longest run, the first of equals.
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    // §4.3 lower case.
    ['2001:DB8:AAAA::FFFF', '2001:db8:aaaa::ffff'],
    // §5 embedded IPv4.
    ['::ffff:c000:201', '::ffff:192.0.2.1'],
    ['::FFFF:192.0.2.1', '::ffff:192.0.2.1'],
    ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
    ['1:2:3:4:5:6:1.2.3.4', '1:2:3:4:5:6:102:304'],
    // The ends.
    ['::', '::'],
    ['0:0:0:0:0:0:0:0', '::'],
    ['::1', '::1'],
    ['1::', '1::'],
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
    ['::2:3:4:5:6:7:8', '0:2:3:4:5:6:7:8'],
    ['ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
    ['0.0.0.0', '0.0.0.0'],
    ['255.255.255.255', '255.255.255.255'],
    ['192.0.2.1', '192.0.2.1'],
  ])('make of %s %s', (text, expected) => {
    expect(canonical(text)).toBe(expected);
  });

  test.each([
    ['nothing', ''],
    ['three parts', '1.2.3'],
    ['five parts', '1.2.3.4.5'],
    ['an octet above 255', '1.2.3.256'],
    ['a leading zero, octal to some', '010.0.0.1'],
    ['a double zero', '1.2.3.00'],
    ['hexadecimal octets', '0x1.2.3.4'],
    ['a number alone', '16909060'],
    ['a space', '1.2.3.4 '],
    ['a newline', '1.2.3.4\n'],
    ['a sign', '1.2.3.-4'],
    ['an empty part', '1..3.4'],
    ['a name', 'host-b'],
    ['other digits', '1.2.3.４'],
    ['seven groups', '1:2:3:4:5:6:7'],
    ['nine groups', '1:2:3:4:5:6:7:8:9'],
    ['a gap of no groups', '1:2:3:4::5:6:7:8'],
    ['two gaps', '1::2::3'],
    ['three colons', '1:::2'],
    ['a colon alone', ':'],
    ['a leading colon', ':1:2:3:4:5:6:7:8'],
    ['a trailing colon', '1:2:3:4:5:6:7:'],
    ['a group of five digits', '00001::'],
    ['a group of other letters', 'g::'],
    ['a zone', 'fe80::1%eth0'],
    ['brackets', '[::1]'],
    ['IPv4 in front', '1.2.3.4::'],
    ['IPv4 before a gap', '1:1.2.3.4::'],
    ['IPv4 in the middle', '::1.2.3.4:5'],
    ['IPv4 and seven groups', '1:2:3:4:5:6:7:1.2.3.4'],
    ['a short IPv4 tail', '::1.2.3'],
    ['an IPv4 tail with leading zeros', '::01.2.3.4'],
    ['a prefix length', '10.0.0.0/8'],
  ])('parseIp() refuses %s', (_, text) => {
    expect(parseIp(text)).toBeNull();
  });

  test('parseIp() gives unsigned words', () => {
    expect(parseIp('255.0.0.1')).toEqual({ family: 4, words: [0xff000001, 0, 0, 0] });
    expect(parseIp('ff02::1')).toEqual({ family: 6, words: [0xff020000, 0, 0, 1] });
  });

  test('formatIp() writes what parseIp() and Node read, for any address', () => {
    const word = fc.oneof(fc.constant(0), fc.constant(0xffff), fc.nat(0xffffffff));
    fc.assert(
      fc.property(fc.tuple(word, word, word, word), (words) => {
        const six = formatIp(6, words);
        expect(isIPv6(six)).toBe(true);
        expect(parseIp(six)).toEqual({ family: 6, words });
        const four = formatIp(4, words);
        expect(isIPv4(four)).toBe(true);
        expect(parseIp(four)?.words[0]).toBe(words[0]);
      }),
    );
  });

  test('parseIp() takes what Node takes for an address', () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6(), fc.stringMatching(/^[0-9a-f:.]{1,20}$/)), (text) => {
        expect(parseIp(text)?.family ?? null).toBe(isIPv4(text) ? 4 : isIPv6(text) ? 6 : null);
      }),
      { numRuns: 500 },
    );
  });
});

test('mapV4() makes what isMappedV4() recognises', () => {
  expect(formatIp(6, mapV4(0xc0000201))).toBe('::ffff:192.0.2.1');
  expect(isMappedV4(mapV4(0))).toBe(true);
  expect(isMappedV4([0, 0, 0xfffe, 1])).toBe(false);
  expect(isMappedV4([0, 1, 0xffff, 1])).toBe(false);
  expect(isMappedV4([1, 0, 0xffff, 1])).toBe(false);
});
