import { describe, expect, test } from 'vitest';
import { isGroup, parseGroup, parseVtep } from '../../../dataplane/port/vxlan-address.ts';
import { AF_INET, AF_INET6, formatEndpoint } from '../../../dataplane/wire/endpoint.ts';
import { parseIp } from '../../../dataplane/wire/ip-text.ts';

const FOUR = { family: AF_INET, isWildcard: true };
const SIX = { family: AF_INET6, isWildcard: false };
const BOTH = { family: AF_INET6, isWildcard: true };
const PORT = 4_789;

describe('isGroup()', () => {
  test.each([
    ['223.255.255.255', false],
    ['224.0.0.0', true],
    ['239.255.255.255', true],
    ['240.0.0.0', false],
    ['fe80::1', false],
    ['ff00::', true],
    ['ff05::100', true],
  ])('of %s is %s', (address, expected) => {
    const ip = parseIp(address);
    expect(ip !== null && isGroup(ip)).toBe(expected);
  });
});

describe('parseVtep()', () => {
  test.each([
    ['192.0.2.1', FOUR],
    ['192.0.2.1', BOTH],
    ['fd00::1', SIX],
    ['fd00::1', BOTH],
  ])('takes %s', (address, socket) => {
    expect(formatEndpoint(parseVtep({ address, port: PORT }, socket))).toEqual({ address, port: PORT });
  });

  test.each([
    ['fd00::1', FOUR],
    ['192.0.2.1', SIX],
    ['239.1.1.1', FOUR],
    ['ff05::1', SIX],
    ['0.0.0.0', FOUR],
    ['::', BOTH],
    ['host-b', FOUR],
    ['fe80::1%eth0', SIX],
  ])('refuses %s', (address, socket) => {
    const error = expect.objectContaining({ code: 'ERR_ICX_VXLAN_REMOTE', hint: expect.any(String) });
    expect(() => parseVtep({ address, port: PORT }, socket)).toThrow(error);
  });

  test.each([0, 65_536, 1.5])('refuses port %d', (port) => {
    expect(() => parseVtep({ address: '192.0.2.1', port }, FOUR)).toThrow(RangeError);
  });
});

describe('parseGroup()', () => {
  test('takes groups, and neither hosts nor the other family', () => {
    expect(parseGroup({ address: '239.1.1.1', port: PORT }, FOUR)[3]).toBe(0xef010101);
    expect(parseGroup({ address: 'ff05::1', port: PORT }, BOTH)[0]).toBe(0xff050000);
    for (const address of ['192.0.2.1', 'fd00::1', 'ff05::1', 'all']) {
      const error = expect.objectContaining({ code: 'ERR_ICX_VXLAN_GROUP' });
      expect(() => parseGroup({ address, port: PORT }, FOUR)).toThrow(error);
    }
  });
});
