import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  addressBits,
  contains,
  equalPrefixes,
  formatPrefix,
  parsePrefix,
  shortened,
  wordMask,
} from '../../../dataplane/route/prefix.ts';
import { prefixOf } from './arbitraries.ts';

describe('parsePrefix()', () => {
  test.each([
    ['10.0.0.0/8', '10.0.0.0/8'],
    ['0.0.0.0/0', '0.0.0.0/0'],
    ['255.255.255.255/32', '255.255.255.255/32'],
    ['192.0.2.1', '192.0.2.1/32'],
    ['128.0.0.0/1', '128.0.0.0/1'],
    ['::/0', '::/0'],
    ['FD00::/8', 'fd00::/8'],
    ['2001:db8:0:0::/33', '2001:db8::/33'],
    ['2001:db8::1', '2001:db8::1/128'],
    ['::ffff:10.0.0.0/104', '::ffff:10.0.0.0/104'],
  ])('reads %s as %s', (text, expected) => {
    expect(formatPrefix(parsePrefix(text))).toBe(expected);
  });

  test.each([
    ['10.0.0.1/24', '10.0.0.1/24 has host bits set: did you mean 10.0.0.0/24?'],
    ['10.0.0.1/0', '10.0.0.1/0 has host bits set: did you mean 0.0.0.0/0?'],
    ['10.0.0.1/31', '10.0.0.1/31 has host bits set: did you mean 10.0.0.0/31?'],
    ['fd77::1/64', 'fd77::1/64 has host bits set: did you mean fd77::/64?'],
    ['::1/127', '::1/127 has host bits set: did you mean ::/127?'],
    ['', "'' is no prefix: expected one such as 10.0.0.0/8 or fd00::/8"],
    ['host-b', "'host-b' is no prefix: expected one such as 10.0.0.0/8 or fd00::/8"],
    ['10.0.0.0/8/8', "'10.0.0.0/8/8' is no prefix: expected one such as 10.0.0.0/8 or fd00::/8"],
    ['/8', "'/8' is no prefix: expected one such as 10.0.0.0/8 or fd00::/8"],
    ['10.0.0.0/', "'10.0.0.0/' is no prefix: expected a length of 0 to 32 behind the slash"],
    ['10.0.0.0/33', "'10.0.0.0/33' is no prefix: expected a length of 0 to 32 behind the slash"],
    ['10.0.0.0/08', "'10.0.0.0/08' is no prefix: expected a length of 0 to 32 behind the slash"],
    ['10.0.0.0/-1', "'10.0.0.0/-1' is no prefix: expected a length of 0 to 32 behind the slash"],
    ['10.0.0.0/ 8', "'10.0.0.0/ 8' is no prefix: expected a length of 0 to 32 behind the slash"],
    [
      '10.0.0.0/255.0.0.0',
      "'10.0.0.0/255.0.0.0' is no prefix: expected a length of 0 to 32 behind the slash",
    ],
    ['::/129', "'::/129' is no prefix: expected a length of 0 to 128 behind the slash"],
  ])('refuses %j', (text, message) => {
    expect(() => parsePrefix(text)).toThrow(new RangeError(message));
  });

  test('reads what formatPrefix() wrote, for any prefix', () => {
    fc.assert(
      fc.property(fc.oneof(prefixOf(4), prefixOf(6)), (prefix) => {
        expect(parsePrefix(formatPrefix(prefix))).toEqual(prefix);
      }),
    );
  });
});

describe('contains()', () => {
  test.each([
    ['10.0.0.0/8', '10.0.0.0/8', true],
    ['10.0.0.0/8', '10.255.0.0/16', true],
    ['10.0.0.0/8', '11.0.0.0/16', false],
    ['10.255.0.0/16', '10.0.0.0/8', false],
    ['10.0.0.0/16', '10.0.0.0/8', false],
    ['0.0.0.0/0', '255.0.0.0/8', true],
    ['0.0.0.0/0', '::/0', false],
    ['::/0', 'fd00::/8', true],
    ['fd77::/64', 'fd77::ffff', true],
    ['fd77::/64', 'fd77:0:0:1::ffff', false],
    ['fd77::8000:0:0/81', 'fd77::8000:0:1', true],
    ['fd77::8000:0:0/81', 'fd77::7fff:0:1', false],
  ])('of %s and %s is %s', (outer, inner, expected) => {
    expect(contains(parsePrefix(outer), parsePrefix(inner))).toBe(expected);
  });
});

test('equalPrefixes() compares family, length and bits', () => {
  const equal = (a: string, b: string) => equalPrefixes(parsePrefix(a), parsePrefix(b));
  expect(equal('10.0.0.0/8', '10.0.0.0/8')).toBe(true);
  expect(equal('10.0.0.0/8', '10.0.0.0/9')).toBe(false);
  expect(equal('10.0.0.0/8', '11.0.0.0/8')).toBe(false);
  expect(equal('0.0.0.0/0', '::/0')).toBe(false);
});

test('wordMask() covers the bits of its word', () => {
  expect([0, 1, 31, 32, 33].map((length) => wordMask(length, 0) >>> 0)).toEqual([
    0, 0x80000000, 0xfffffffe, 0xffffffff, 0xffffffff,
  ]);
  expect([32, 40, 64].map((length) => wordMask(length, 1) >>> 0)).toEqual([0, 0xff000000, 0xffffffff]);
  expect(wordMask(128, 3)).toBe(-1);
  expect(addressBits(4)).toBe(32);
  expect(addressBits(6)).toBe(128);
});

test.each([
  ['10.88.1.2/32', 24, '10.88.1.0/24'],
  ['10.88.1.2/32', 32, '10.88.1.2/32'],
  ['255.255.255.255/32', 0, '0.0.0.0/0'],
  ['fd88:1:ffff:3:4:5:6:7/128', 33, 'fd88:1:8000::/33'],
  ['fd88:1:2:3::/64', 64, 'fd88:1:2:3::/64'],
])('shortened(%s, %i) is %s', (text, length, expected) => {
  expect(formatPrefix(shortened(parsePrefix(text), length))).toBe(expected);
});
