import { describe, expect, test } from 'vitest';
import { faultOf, packetsIn } from './delivered-packet.ts';
import { asSuper, VIRTIO_LEN, virtioHeader } from './super-packets.ts';
import { pattern, tcpPacket, udpPacket } from './transport-packets.ts';

const V6 = { src: 'fd88::1', dst: 'fd88::2' };
const payload = pattern(3_000);
const SUPERS = [
  ['TCP over IPv4', asSuper(tcpPacket({ payload }), 1_000)],
  ['TCP over IPv6', asSuper(tcpPacket({ ...V6, payload }), 1_000)],
  ['UDP over IPv4', asSuper(udpPacket({ payload }), 1_000)],
  ['UDP over IPv6', asSuper(udpPacket({ ...V6, payload }), 1_000)],
] as const;

const plain = (packet: Uint8Array) => Uint8Array.from([...virtioHeader(), ...packet]);

function flipped(bytes: Uint8Array, at: number): Uint8Array {
  const copy = bytes.slice();
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
}

describe('faultOf()', () => {
  test.each(SUPERS)('finds nothing in a super-packet of %s', (_name, delivered) => {
    expect(faultOf(delivered)).toBeNull();
    expect(packetsIn(delivered)).toBe(3);
  });

  test.each(SUPERS)(
    'finds every changed bit of the header of %s that the kernel would go by',
    (name, delivered) => {
      const isV6 = name.endsWith('IPv6');
      const upperAt = VIRTIO_LEN + (isV6 ? 40 : 20);
      const isTcp = name.startsWith('TCP');
      // Flags, type and checksum places; addresses, lengths and the field that has the sum.
      const places = [0, 1, 6, 8, upperAt - 1, upperAt + (isTcp ? 16 : 6), VIRTIO_LEN + (isV6 ? 5 : 3)];
      for (const at of places)
        expect({ at, fault: faultOf(flipped(delivered, at)) }).not.toEqual({ at, fault: null });
    },
  );

  test.each([
    ['TCP', tcpPacket()],
    ['TCP over IPv6', tcpPacket(V6)],
    ['UDP', udpPacket()],
    ['UDP over IPv6', udpPacket(V6)],
  ])('finds nothing in a single packet of %s, and any changed byte of its payload', (_name, packet) => {
    expect(faultOf(plain(packet))).toBeNull();
    expect(packetsIn(plain(packet))).toBe(1);
    expect(faultOf(plain(flipped(packet, packet.length - 1)))).toBe('a length or checksum is wrong');
    expect(faultOf(plain(packet.subarray(0, packet.length - 1)))).toBe('a length or checksum is wrong');
  });

  test.each([
    ['a size of 0', asSuper(tcpPacket({ payload }), 0, { gsoType: 1 })],
    ['a size that cuts nothing', asSuper(tcpPacket({ payload }), 3_000)],
    ['65 datagrams', asSuper(udpPacket({ payload: pattern(650) }), 10)],
    ['no IP packet', plain(new Uint8Array(40))],
  ])('finds %s', (_name, delivered) => expect(faultOf(delivered)).not.toBeNull());
});
