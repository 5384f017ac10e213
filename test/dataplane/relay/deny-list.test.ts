/** Where nothing goes: a table of addresses, and rules against a slow reading of them. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DEFAULT_DENIED, DenyList, type DenyRules } from '../../../dataplane/relay/deny-list.ts';
import { contains, formatPrefix, parsePrefix } from '../../../dataplane/route/prefix.ts';
import { formatIp } from '../../../dataplane/wire/ip-text.ts';
import { allocatedPerCall } from '../../support/heap-growth.ts';
import { addressOf, prefixOf } from '../route/arbitraries.ts';
import { addressBytes } from './packets.ts';

function isDenied(list: DenyList, address: string, port = 4_000): boolean {
  const bytes = Uint8Array.from(addressBytes(address));
  return list.isDenied(bytes.length === 4 ? 4 : 6, new DataView(bytes.buffer), 0, port);
}

describe('DenyList', () => {
  test.each([
    ['0.0.0.0'],
    ['0.1.2.3'],
    ['127.0.0.1'],
    ['127.255.255.255'],
    ['169.254.1.1'],
    ['169.254.169.254'],
    ['100.100.100.200'],
    ['168.63.129.16'],
    ['192.0.0.192'],
    ['224.0.0.1'],
    ['239.255.255.255'],
    ['240.0.0.1'],
    ['255.255.255.255'],
    ['::'],
    ['::1'],
    ['::127.0.0.1'],
    ['::ffff:127.0.0.1'],
    ['::ffff:169.254.169.254'],
    ['::ffff:8.8.8.8'],
    ['64:ff9b::127.0.0.1'],
    ['64:ff9b::169.254.169.254'],
    ['64:ff9b:1::1'],
    ['2002:7f00:1::1'],
    ['2002:a9fe:a9fe::'],
    ['2001:0:7f00:1::1'],
    ['2001::1'],
    ['fe80::1'],
    ['febf::1'],
    ['fec0::1'],
    ['ff02::1'],
    ['fd00:ec2::254'],
    ['fd20:ce::254'],
    ['fd00:42::42'],
    ['2001:db8::5efe:127.0.0.1'],
    ['2001:db8::200:5efe:127.0.0.1'],
  ])('refuses %s by default', (address) => {
    expect(isDenied(new DenyList(), address)).toBe(true);
  });

  test.each([
    ['1.0.0.0'],
    ['8.8.8.8'],
    ['10.0.0.1'],
    ['126.255.255.255'],
    ['128.0.0.1'],
    ['169.253.255.255'],
    ['192.168.1.1'],
    ['223.255.255.255'],
    ['2001:db8::1'],
    ['2001:1::1'],
    ['2606:4700::1111'],
    ['64:ff9b::8.8.8.8'],
    ['2002:808:808::1'],
    ['fd00:ec2::253'],
    ['fe00::1'],
    ['2001:db8::5efe:8.8.8.8'],
    ['2001:db8::100:5efe:127.0.0.1'],
    ['2001:db8::ffff:127.0.0.1'],
  ])('lets %s be', (address) => {
    expect(isDenied(new DenyList(), address)).toBe(false);
  });

  const host: DenyRules = {
    hostAddresses: ['192.0.2.5', '2001:db8::5'],
    overlay: ['10.77.0.0/24', 'fd77::/64'],
  };
  test.each<[string, DenyRules, string, boolean]>([
    ['an address of the host', host, '192.0.2.5', true],
    ['one beside it', host, '192.0.2.6', false],
    ['an IPv6 address of the host', host, '2001:db8::5', true],
    ['one of the host behind NAT64', host, '64:ff9b::192.0.2.5', true],
    ['the overlay', host, '10.77.0.200', true],
    ['the overlay in IPv6', host, 'fd77::1', true],
    ['what is permitted of the host', { ...host, allow: ['192.0.2.5/32'] }, '192.0.2.5', false],
    ['a network of the host, permitted', { ...host, allow: ['192.0.2.0/24'] }, '192.0.2.5', false],
    ['loopback, permitted', { allow: ['127.0.0.0/8'] }, '127.0.0.1', false],
    ['loopback in IPv6, permitted', { allow: ['::1/128'] }, '::1', false],
    ['all, permitted', { allow: ['0.0.0.0/0'] }, '127.0.0.1', false],
    ['metadata, permitted with link-local', { allow: ['169.254.0.0/16'] }, '169.254.169.254', false],
    ['IPv6 metadata, permitted', { allow: ['fd00::/8'] }, 'fd00:ec2::254', false],
    ['link-local, permitted', { allow: ['169.254.0.0/16'] }, '169.254.1.1', false],
    ['metadata, permitted', { allow: ['169.254.169.254/32'] }, '169.254.169.254', false],
    ['what is configured', { deny: ['10.0.0.0/8'] }, '10.1.2.3', true],
    ['a part of it that is permitted', { deny: ['10.0.0.0/8'], allow: ['10.1.0.0/16'] }, '10.1.2.3', true],
    ['the same in IPv6', { deny: ['fd00::/8'], allow: ['fd00:1::/32'] }, 'fd00:1::1', true],
    ['a part of what is permitted', { allow: ['10.0.0.0/8'], deny: ['10.1.0.0/16'] }, '10.2.2.3', false],
    ['what is both', { deny: ['10.0.0.0/8'], allow: ['10.0.0.0/8'] }, '10.1.2.3', true],
    ['all, whatever is permitted', { deny: ['0.0.0.0/0'], allow: ['8.8.8.8/32'] }, '8.8.8.8', true],
    ['what NAT64 would reach', { deny: ['8.8.8.8/32'] }, '64:ff9b::8.8.8.8', true],
    ['Teredo with a server that is refused', { allow: ['2001::/32'] }, '2001:0:7f00:1::1', true],
    ['Teredo with another one', { allow: ['2001::/32'] }, '2001:0:808:808::1', false],
    ['mapped loopback, if mapped is permitted', { allow: ['::ffff:0:0/96'] }, '::ffff:127.0.0.1', true],
  ])('judges %s', (_, rules, address, expected) => {
    expect(isDenied(new DenyList(rules), address)).toBe(expected);
  });

  const allowed = ['127.0.0.0/8', '192.0.2.5/32', '::1/128', '2001:db8::5/128'];
  const everywhere = {
    ...host,
    allow: allowed,
    ownPorts: [
      { address: '0.0.0.0', port: 6_081 },
      { address: '::', port: 6_082 },
    ],
  };
  const named = {
    ...host,
    allow: allowed,
    ownPorts: [
      { address: '192.0.2.5', port: 6_081 },
      { address: '2001:db8::5', port: 6_081 },
    ],
  };
  test.each<[string, DenyRules, string, number, boolean]>([
    ['a wildcard port at loopback', everywhere, '127.3.2.1', 6_081, true],
    ['a wildcard port at IPv6 loopback', everywhere, '::1', 6_082, true],
    ['a wildcard port at the host', everywhere, '192.0.2.5', 6_082, true],
    ['a wildcard port at the host in IPv6', everywhere, '2001:db8::5', 6_081, true],
    ['a wildcard port of others', everywhere, '192.0.2.6', 6_081, false],
    ['a wildcard port of others in IPv6', everywhere, '2001:db8::1', 6_082, false],
    ['a wildcard port at no address', { ...everywhere, allow: ['0.0.0.0/8'] }, '0.0.0.0', 6_081, true],
    ['another port', everywhere, '127.0.0.1', 6_083, false],
    ['a named endpoint', named, '192.0.2.5', 6_081, true],
    ['a named endpoint in IPv6', named, '2001:db8::5', 6_081, true],
    ['its port elsewhere', named, '127.0.0.1', 6_081, false],
    ['its address with another port', named, '192.0.2.5', 6_082, false],
    ['a named endpoint behind NAT64', { ...named, hostAddresses: [] }, '64:ff9b::192.0.2.5', 6_081, true],
  ])('refuses the agent’s own ports whatever is permitted: %s', (_, rules, address, port, expected) => {
    expect(isDenied(new DenyList(rules), address, port)).toBe(expected);
  });

  test.each([
    [{ deny: ['10.0.0.1/8'] }],
    [{ hostAddresses: ['10.0.0.0/8'] }],
    [{ ownPorts: [{ address: 'x', port: 1 }] }],
    [{ ownPorts: [{ address: '::', port: 0 }] }],
    [{ ownPorts: [{ address: '::', port: 65_536 }] }],
  ] as DenyRules[][])('throws for %o', (rules) => {
    expect(() => new DenyList(rules)).toThrow(RangeError);
  });

  test('deny comes first, then allow, then the defaults, as a slow reading says', () => {
    const prefixes = fc.array(prefixOf(4).map(formatPrefix), { maxLength: 6 });
    fc.assert(
      fc.property(prefixes, prefixes, addressOf(4), (deny, allow, words) => {
        const target = parsePrefix(formatIp(4, words));
        const covers = (texts: readonly string[]) =>
          texts.some((text) => contains(parsePrefix(text), target));
        const expected = covers(deny) || (!covers(allow) && covers(DEFAULT_DENIED));
        expect(isDenied(new DenyList({ deny, allow }), formatIp(4, words))).toBe(expected);
      }),
      { seed: 20_260_301, numRuns: 500 },
    );
  });

  test('isDenied() allocates nothing', () => {
    const list = new DenyList(everywhere);
    const view = new DataView(new ArrayBuffer(16));
    let denied = 0;
    let i = 0;
    const allocated = allocatedPerCall(10_000, () => {
      i++;
      view.setInt32(0, Math.imul(i, 0x9e3779b1));
      if (list.isDenied(4, view, 0, 6_081)) denied++;
      if (list.isDenied(6, view, 0, 53)) denied++;
    });
    expect(allocated).toBeLessThan(1);
    expect(denied).toBeGreaterThan(0);
  });
});
