import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FlowHash, sourcePort } from '../../../dataplane/path/flow-hash.ts';
import { allocatedPerCall } from '../../support/heap-growth.ts';
import { fragmentPayload, ipPacket, type PacketFields, Protocol, udpPayload } from './packets.ts';

const KEY = Uint8Array.from({ length: 16 }, (_, i) => i);
const hasher = new FlowHash(KEY);

function hashOf(packet: Uint8Array, by: FlowHash = hasher): number {
  const padded = new Uint8Array(packet.length + 64).fill(0xee);
  padded.set(packet);
  return by.hash(new DataView(padded.buffer), 0);
}

function flow(src: string, dst: string, protocol: number, ports: readonly [number, number]): Uint8Array {
  return ipPacket({ src, dst, protocol, payload: udpPayload(...ports) });
}

const FAMILIES = [
  { family: 'IPv4', a: '10.0.0.1', b: '10.0.0.2', other: '10.0.0.3' },
  { family: 'IPv4, upper half of the addresses', a: '203.0.113.1', b: '10.0.0.2', other: '203.0.113.9' },
  { family: 'IPv6', a: 'fd77::1', b: 'fd77::2', other: 'fd77::1:1' },
];

describe.each(FAMILIES)('FlowHash.hash() of $family', ({ a, b, other }) => {
  test.each([Protocol.tcp, Protocol.udp, Protocol.sctp])(
    'protocol %i: each part of the 5-tuple counts',
    (protocol) => {
      const base = hashOf(flow(a, b, protocol, [1000, 2000]));
      const changed = [
        flow(other, b, protocol, [1000, 2000]),
        flow(a, other, protocol, [1000, 2000]),
        flow(a, b, protocol, [1001, 2000]),
        flow(a, b, protocol, [1000, 2001]),
        flow(a, b, protocol === Protocol.tcp ? Protocol.udp : Protocol.tcp, [1000, 2000]),
      ].map((packet) => hashOf(packet));
      expect(new Set([base, ...changed]).size).toBe(6);
    },
  );

  test('both directions agree, whatever the ports', () => {
    const port = fc.integer({ min: 0, max: 65_535 });
    fc.assert(
      fc.property(port, port, fc.constantFrom(a, b, other), fc.constantFrom(a, b, other), (p, q, x, y) => {
        expect(hashOf(flow(x, y, Protocol.udp, [p, q]))).toBe(hashOf(flow(y, x, Protocol.udp, [q, p])));
      }),
    );
  });

  test('swapped ports are another flow', () => {
    expect(hashOf(flow(a, b, Protocol.udp, [1000, 2000]))).not.toBe(
      hashOf(flow(a, b, Protocol.udp, [2000, 1000])),
    );
  });

  test('other protocols hash by addresses alone', () => {
    const byAddress = (ports: readonly [number, number]) => hashOf(flow(a, b, Protocol.icmp, ports));
    expect(byAddress([1, 2])).toBe(byAddress([3, 4]));
    expect(byAddress([1, 2])).not.toBe(hashOf(flow(a, other, Protocol.icmp, [1, 2])));
  });

  test('a packet too short for ports hashes by addresses, not by what lies behind it', () => {
    const short: PacketFields = { src: a, dst: b, protocol: Protocol.udp, payload: new Uint8Array(3) };
    expect(hashOf(ipPacket(short))).toBe(hashOf(flow(a, b, Protocol.icmp, [0, 0])));
  });

  test('another key gives another hash', () => {
    const packet = flow(a, b, Protocol.udp, [1000, 2000]);
    expect(hashOf(packet, new FlowHash(new Uint8Array(16)))).not.toBe(hashOf(packet));
  });
});

describe('FlowHash.hash() of fragments', () => {
  const ends = { src: '10.0.0.1', dst: '10.0.0.2' };
  const ends6 = { src: 'fd77::1', dst: 'fd77::2' };

  test('IPv4: first and later fragments agree', () => {
    const first = ipPacket({ ...ends, flagsFragment: 0x2000, payload: udpPayload(1000, 2000) });
    const later = ipPacket({ ...ends, flagsFragment: 0x0064, payload: udpPayload(77, 78) });
    expect(hashOf(first)).toBe(hashOf(later));
    expect(hashOf(first)).not.toBe(hashOf(ipPacket({ ...ends, payload: udpPayload(1000, 2000) })));
  });

  test('IPv6: first and later fragments agree', () => {
    const fragment = (field: number, ports: readonly [number, number]) =>
      ipPacket({
        ...ends6,
        protocol: Protocol.fragment,
        payload: fragmentPayload(Protocol.udp, field, udpPayload(...ports)),
      });
    expect(hashOf(fragment(0x0001, [1000, 2000]))).toBe(hashOf(fragment(0x0640, [77, 78])));
  });
});

describe('sourcePort()', () => {
  test.each([
    [0, 49_152],
    [0xffffffff, 65_535],
    [0x80000000, 57_344],
    [0x0003ffff, 49_152],
  ])('of hash %i is %i', (hash, port) => expect(sourcePort(hash)).toBe(port));

  test('spreads 4,096 flows over the dynamic ports without a hot spot', () => {
    const buckets = new Array<number>(16).fill(0);
    for (let i = 0; i < 4_096; i++) {
      const port = sourcePort(hashOf(flow('10.0.0.1', '10.0.0.2', Protocol.tcp, [i, 443])));
      const bucket = (port - 49_152) >>> 10;
      buckets[bucket] = (buckets[bucket] ?? 0) + 1;
    }
    // Mean 256, standard deviation 15.5: seven of them on either side.
    for (const count of buckets) expect(Math.abs(count - 256)).toBeLessThan(109);
  });
});

test.each(['10.0.0.1', 'fd77::1'])('FlowHash.hash() of %s allocates nothing', (src) => {
  const packet = flow(src, src.replace('1', '2'), Protocol.tcp, [1000, 443]);
  const view = new DataView(packet.buffer);
  expect(allocatedPerCall(100_000, () => hasher.hash(view, 0))).toBeLessThan(1);
});
