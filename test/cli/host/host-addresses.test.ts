/** The host's own addresses, from what its kernel writes. */
import { networkInterfaces } from 'node:os';
import { expect, test } from 'vitest';
import { hostAddresses, parseFibTrie, parseIpv6 } from '../../../cli/host/host-addresses.ts';
import { parseIp } from '../../../dataplane/wire/ip-text.ts';

/** As Linux 6.x writes it, with a bridge that has no carrier and a route to the host itself. */
const FIB_TRIE = `Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 192.0.2.0/24 2 0 2
        |-- 192.0.2.0
           /24 link UNICAST
Local:
  +-- 0.0.0.0/0 3 0 5
     +-- 127.0.0.0/8 2 0 2
        |-- 127.0.0.0
           /8 host LOCAL
        |-- 127.0.0.1
           /32 host LOCAL
     |-- 127.255.255.255
        /32 link BROADCAST
     |-- 172.17.0.1
        /32 host LOCAL
     |-- 192.0.2.2
        /32 host LOCAL
     |-- 192.0.2.255
        /32 link BROADCAST
     |-- 198.51.100.0
        /24 link UNICAST
        /25 host LOCAL
`;

test('parseFibTrie() finds addresses, broadcast addresses and prefixes of the host, and nothing of others', () => {
  expect(parseFibTrie(FIB_TRIE)).toEqual({
    addresses: ['127.0.0.1', '127.255.255.255', '172.17.0.1', '192.0.2.2', '192.0.2.255'],
    prefixes: ['127.0.0.0/8', '198.51.100.0/25'],
  });
  expect(parseFibTrie('')).toEqual({ addresses: [], prefixes: [] });
});

test('parseIpv6() reads addresses of interfaces and of routers', () => {
  const lines = [
    '00000000000000000000000000000001 01 80 10 80       lo',
    '20010db8000100000000000000000005 02 40 00 80     eth0',
    '2    eth0            20010db8000100000000000000000000     1',
  ];
  const found = parseIpv6(`${lines.join('\n')}\n`);
  expect(found.map((text) => parseIp(text))).toEqual(
    ['::1', '2001:db8:1::5', '2001:db8:1::'].map((text) => parseIp(text)),
  );
});

test('hostAddresses() has what Node knows, each once, as the data plane reads it', () => {
  const { addresses, prefixes } = hostAddresses();
  const words = addresses.map((text) => JSON.stringify(parseIp(text)));
  expect(words).not.toContain('null');
  for (const { address } of Object.values(networkInterfaces()).flatMap((list) => list ?? [])) {
    expect(words).toContain(JSON.stringify(parseIp(address.split('%')[0] ?? '')));
  }
  expect(new Set(addresses).size).toBe(addresses.length);
  expect(prefixes.every((prefix) => /^[\d.]+\/\d+$/.test(prefix))).toBe(true);
});
