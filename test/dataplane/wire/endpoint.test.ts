import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  AF_INET,
  AF_INET6,
  ENDPOINT_LEN,
  equalsEndpoint,
  formatEndpoint,
  parseEndpoint,
  readEndpoint,
  readSockaddr,
  writeEndpoint,
  writeSockaddr,
} from '../../../dataplane/wire/endpoint.ts';
import { AT, hexOf, viewOf } from './view-of.ts';

const V4 = { address: '192.0.2.1', port: 6081 };
const V4_RECORD = '00000000000000000000ffffc000020117c10000';
const V6 = { address: '2001:db8::1', port: 65_535 };
const V6_RECORD = '20010db8000000000000000000000001ffff0000';

describe.each([
  ['IPv4', V4, V4_RECORD],
  ['IPv6', V6, V6_RECORD],
])('endpoint record of %s', (_, text, hex) => {
  test('parseEndpoint() and writeEndpoint() write it, and nothing behind', () => {
    const view = viewOf('');
    writeEndpoint(view, AT, parseEndpoint(text));
    expect(hexOf(view, ENDPOINT_LEN + 1)).toBe(`${hex}44`);
  });

  test('readEndpoint() and formatEndpoint() read it', () => {
    const words = new Uint32Array(5);
    readEndpoint(viewOf(hex), AT, words);
    expect(formatEndpoint(words)).toEqual(text);
  });

  test('equalsEndpoint() holds for it and for no record with a bit changed', () => {
    const words = parseEndpoint(text);
    const view = viewOf(hex);
    expect(equalsEndpoint(view, AT, words)).toBe(true);
    for (let bit = 0; bit < ENDPOINT_LEN * 8; bit++) {
      const at = AT + (bit >>> 3);
      view.setUint8(at, view.getUint8(at) ^ (1 << (bit & 7)));
      expect(equalsEndpoint(view, AT, words)).toBe(false);
      view.setUint8(at, view.getUint8(at) ^ (1 << (bit & 7)));
    }
  });
});

describe('parseEndpoint()', () => {
  test('takes the mapped text of an IPv4 address for that address', () => {
    expect(parseEndpoint({ address: '::ffff:192.0.2.1', port: 6081 })).toEqual(parseEndpoint(V4));
  });

  test.each(['host-b', '192.0.2', 'fe80::1%eth0', ''])('refuses the address %j', (address) => {
    expect(() => parseEndpoint({ address, port: 1 })).toThrow(
      new RangeError(`Cannot use endpoint address '${address}': expected an IPv4 or IPv6 address`),
    );
  });

  test.each([0, -1, 65_536, 1.5, Number.NaN])('refuses the port %d', (port) => {
    expect(() => parseEndpoint({ address: '::1', port })).toThrow(RangeError);
  });
});

/** Laid out as <linux/in.h> and <linux/in6.h> say, on a little-endian machine. */
const SOCKADDR_IN = '0200 17c1 c0000201 0000000000000000'.replaceAll(' ', '');
const SOCKADDR_IN6 = '0a00 ffff 00000000 20010db8000000000000000000000001 00000000'.replaceAll(' ', '');
const SOCKADDR_MAPPED = '0a00 17c1 00000000 00000000000000000000ffffc0000201 00000000'.replaceAll(' ', '');

describe('readSockaddr()', () => {
  test.each([
    ['sockaddr_in', SOCKADDR_IN, V4_RECORD],
    ['sockaddr_in6', SOCKADDR_IN6, V6_RECORD],
    ['sockaddr_in6 with a mapped address', SOCKADDR_MAPPED, V4_RECORD],
    [
      'sockaddr_in6 with flow label and zone',
      SOCKADDR_IN6.replace('ffff00000000', 'ffff000fffff').replace(/00000000$/, '02000000'),
      V6_RECORD,
    ],
  ])('reads %s', (_, hex, record) => {
    const view = viewOf(hex);
    expect(readSockaddr(view, AT, AT + 40)).toBe(true);
    expect(hexOf(view, ENDPOINT_LEN + 1, AT + 40)).toBe(`${record}44`);
  });

  test('refuses another family and writes nothing', () => {
    const view = viewOf('0100 17c1 c0000201 0000000000000000');
    const before = hexOf(view, 80);
    expect(readSockaddr(view, AT, AT + 40)).toBe(false);
    expect(hexOf(view, 80)).toBe(before);
  });
});

describe('writeSockaddr()', () => {
  test.each([
    ['IPv4 on an IPv4 socket', V4, AF_INET, SOCKADDR_IN],
    ['IPv6 on an IPv6 socket', V6, AF_INET6, SOCKADDR_IN6],
    ['IPv4 on an IPv6 socket', V4, AF_INET6, SOCKADDR_MAPPED],
  ])('writes %s', (_, text, family, expected) => {
    const view = viewOf('');
    const len = writeSockaddr(view, AT, parseEndpoint(text), family);
    expect(len).toBe(expected.length / 2);
    expect(hexOf(view, len + 1)).toBe(`${expected}44`);
  });

  test('refuses IPv6 on an IPv4 socket and writes nothing', () => {
    const view = viewOf('');
    expect(writeSockaddr(view, AT, parseEndpoint(V6), AF_INET)).toBe(0);
    expect(hexOf(view, 28)).toBe('44'.repeat(28));
  });

  test('writes what readSockaddr() reads, for any endpoint', () => {
    const address = fc.oneof(fc.ipV4(), fc.ipV6());
    fc.assert(
      fc.property(address, fc.integer({ min: 1, max: 65_535 }), (text, port) => {
        const words = parseEndpoint({ address: text, port });
        const view = viewOf('');
        writeSockaddr(view, AT, words, AF_INET6);
        expect(readSockaddr(view, AT, AT + 32)).toBe(true);
        expect(equalsEndpoint(view, AT + 32, words)).toBe(true);
      }),
    );
  });
});
