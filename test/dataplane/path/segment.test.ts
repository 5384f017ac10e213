import { describe, expect, test } from 'vitest';
import { KINDS, OffloadRig } from '../../support/offload-rig.ts';
import { asSuper, tcpSegments, udpSegments, VIRTIO_LEN, virtioHeader } from '../../support/super-packets.ts';
import {
  ACK,
  type IpFields,
  isIntact,
  onesComplement,
  PSH,
  pattern,
  pseudoHeader,
  type TcpFields,
  tcpPacket,
  udpPacket,
} from '../../support/transport-packets.ts';

const FIN = 0x01;
const SYN = 0x02;
const URG = 0x20;
const ECE = 0x40;
const CWR = 0x80;
const V6 = { src: 'fd88::1', dst: 'fd88::2' };
const ROUTER_ALERT = [0x94, 0x04, 0x00, 0x00];
const PAD_N = [1, 4, 0, 0, 0, 0];

const FAMILIES: readonly (readonly [string, IpFields])[] = [
  ['IPv4', {}],
  ['IPv4 with options', { options: ROUTER_ALERT, dontFragment: false }],
  ['IPv6', V6],
  ['IPv6 with extension headers', { ...V6, options: PAD_N }],
];

describe.each(KINDS)('Segmenter in %s', (kind) => {
  const rig = new OffloadRig(kind);

  test('says what it is made in', () => expect(rig.segmenter.name).toBe(kind));

  describe.each(FAMILIES)('of %s', (_family, ip) => {
    test.each([
      ['even sizes', 4_000, 1_000],
      ['a smaller last one', 4_001, 1_000],
      ['odd sizes', 3_999, 1_001],
      ['payloads shorter than the header', 57, 8],
      ['one byte each', 9, 1],
      ['a size larger than the payload', 500, 1_400],
      ['a size equal to the payload', 500, 500],
      ['64 KB', 65_000, 1_348],
      ['jumbo frames', 60_000, 8_948],
    ])('cuts TCP: %s', (_name, payloadLen, gsoSize) => {
      const fields = { ...ip, sequence: 0xffff_f000, payload: pattern(payloadLen), flags: ACK | PSH };
      const cut = rig.cut(asSuper(tcpPacket(fields), gsoSize));
      expect(cut).toEqual(tcpSegments(fields, gsoSize));
    });

    test.each([
      ['even sizes', 4_000, 1_000],
      ['a smaller last one', 3_001, 999],
      ['payloads shorter than the header', 20, 3],
      ['a size larger than the payload', 500, 1_400],
      ['64 KB', 64_500, 1_300],
    ])('cuts UDP: %s', (_name, payloadLen, gsoSize) => {
      const fields = { ...ip, payload: pattern(payloadLen) };
      expect(rig.cut(asSuper(udpPacket(fields), gsoSize))).toEqual(udpSegments(fields, gsoSize));
    });

    test('makes the checksum of a packet that is not cut', () => {
      const packet = tcpPacket({ ...ip, payload: pattern(333) });
      expect(rig.cut(asSuper(packet, 0))).toEqual([packet]);
    });

    test('makes checksums without the sender having summed the pseudo header', () => {
      const fields = { ...ip, payload: pattern(2_500) };
      const read = asSuper(tcpPacket(fields), 1_000, { flags: 0, csumStart: 0, csumOffset: 0 });
      expect(rig.cut(read)).toEqual(tcpSegments(fields, 1_000));
    });
  });

  test.each([
    ['FIN and PSH stay on the last', FIN | PSH | ACK, [ACK, ACK, FIN | PSH | ACK]],
    ['CWR stays on the first, ECE on all', CWR | ECE | ACK, [CWR | ECE | ACK, ECE | ACK, ECE | ACK]],
    ['SYN stays on all', SYN, [SYN, SYN, SYN]],
    ['URG stays on all', URG | ACK, [URG | ACK, URG | ACK, URG | ACK]],
  ])('flags: %s', (_name, flags, expected) => {
    const fields: TcpFields = { flags, payload: pattern(2_100) };
    const cut = rig.cut(asSuper(tcpPacket(fields), 1_000, { gsoType: 1 | 0x80 })) ?? [];
    expect(cut.map((packet) => packet[33])).toEqual(expected);
    expect(cut.every(isIntact)).toBe(true);
  });

  test('a packet that one segment holds keeps all its flags', () => {
    const fields: TcpFields = { flags: CWR | ECE | FIN | PSH | ACK, payload: pattern(900) };
    expect(rig.cut(asSuper(tcpPacket(fields), 1_000, { gsoType: 1 | 0x80 }))).toEqual([tcpPacket(fields)]);
  });

  test.each([
    ['IPv4', {}, 65_535 - 52],
    ['IPv6', V6, 65_535 - 72],
  ])('cuts the longest super-packet of %s', (_family, ip, payloadLen) => {
    const fields = { ...ip, payload: pattern(payloadLen) };
    expect(rig.cut(asSuper(tcpPacket(fields), 1_328))).toEqual(tcpSegments(fields, 1_328));
    expect(rig.cut(asSuper(tcpPacket(fields), 1))?.length).toBe(payloadLen);
  });

  test('the urgent pointer, ECN and traffic class are every segment’s', () => {
    for (const ip of [{ tos: 0xb9 }, { ...V6, tos: 0xb9 }]) {
      const fields: TcpFields = { ...ip, flags: URG | ACK, urgent: 1_500, payload: pattern(2_500) };
      expect(rig.cut(asSuper(tcpPacket(fields), 1_000))).toEqual(tcpSegments(fields, 1_000));
    }
  });

  test('a datagram that has no checksum gets none', () => {
    for (const isV6 of [false, true]) {
      const packet = udpPacket(isV6 ? V6 : {});
      packet.fill(0, isV6 ? 46 : 26, isV6 ? 48 : 28);
      expect(rig.cut(Uint8Array.from([...virtioHeader(), ...packet]))).toEqual([packet]);
    }
  });

  test('IPv4 ids and TCP sequence numbers count on past their end', () => {
    const fields = { id: 0xfffe, sequence: 0xffff_fff0, payload: pattern(40) };
    const cut = rig.cut(asSuper(tcpPacket(fields), 10)) ?? [];
    const views = cut.map((packet) => new DataView(packet.buffer));
    expect(views.map((view) => view.getUint16(4))).toEqual([0xfffe, 0xffff, 0, 1]);
    expect(views.map((view) => view.getUint32(24))).toEqual([0xffff_fff0, 0xffff_fffa, 4, 14]);
  });

  test('a UDP checksum of zero is sent as 0xffff', () => {
    const blank = udpPacket({ payload: new Uint8Array(200) });
    const field = new DataView(blank.buffer).getUint16(26);
    // A word of what the checksum lacks makes the sum all ones.
    const payload = new Uint8Array(200);
    new DataView(payload.buffer).setUint16(0, field);
    for (const gsoSize of [0, 500]) {
      const cut = rig.cut(asSuper(udpPacket({ payload }), gsoSize)) ?? [];
      expect(cut.map((packet) => new DataView(packet.buffer).getUint16(26))).toEqual([0xffff]);
    }
  });

  test('the pseudo header is the sender’s where it made one', () => {
    // As with a routing header, whose last address is the destination that counts.
    const read = asSuper(tcpPacket({ ...V6, payload: pattern(1_500) }), 1_000);
    const view = new DataView(read.buffer);
    const fieldAt = VIRTIO_LEN + 40 + 16;
    const other = view.getUint16(fieldAt) - 0x1111;
    view.setUint16(fieldAt, other < 0 ? other + 0xffff : other);
    for (const packet of rig.cut(read) ?? []) {
      const sum = onesComplement(Uint8Array.from([...pseudoHeader(packet), ...packet.slice(40)]));
      expect(sum).toBe(0xffff - 0x1111);
    }
  });

  test('bytes behind the length that the IP header says are left out', () => {
    const fields = { payload: pattern(2_000) };
    const read = asSuper(tcpPacket(fields), 1_000);
    const padded = new Uint8Array(read.length + 7).fill(9);
    padded.set(read);
    expect(rig.cut(padded)).toEqual(tcpSegments(fields, 1_000));
  });

  test('a packet that needs nothing is given as it is, whatever it holds', () => {
    const bytes = pattern(77);
    expect(rig.cut(Uint8Array.from([...virtioHeader(), ...bytes]))).toEqual([bytes]);
    expect(rig.cut(Uint8Array.from([...virtioHeader({ flags: 2 }), 0]))).toEqual([new Uint8Array(1)]);
  });

  const tcp = tcpPacket({ payload: pattern(3_000) });
  const udp = udpPacket({ payload: pattern(3_000) });
  const tcp6 = tcpPacket({ ...V6, payload: pattern(3_000) });
  const changed = (packet: Uint8Array, at: number, value: number) => {
    const copy = packet.slice();
    copy[at] = value;
    return copy;
  };
  test.each([
    ['an empty packet', virtioHeader()],
    ['a size of 0', asSuper(tcp, 0, { gsoType: 1 })],
    ['UDP fragmentation (UFO)', asSuper(udp, 1_000, { gsoType: 3 })],
    ['an unknown type', asSuper(tcp, 1_000, { gsoType: 9 })],
    ['TCPv6 for IPv4', asSuper(tcp, 1_000, { gsoType: 4 })],
    ['TCPv4 for IPv6', asSuper(tcp6, 1_000, { gsoType: 1 })],
    ['UDP for TCP', asSuper(tcp, 1_000, { gsoType: 5 })],
    ['TCP for UDP', asSuper(udp, 1_000, { gsoType: 1 })],
    ['a checksum that starts elsewhere', asSuper(tcp, 1_000, { csumStart: 24 })],
    ['a truncated packet', asSuper(tcp, 1_000).subarray(0, 2_000)],
    ['a truncated TCP header', asSuper(tcp, 1_000).subarray(0, VIRTIO_LEN + 30)],
    ['a TCP header shorter than 20 bytes', asSuper(changed(tcp, 32, 0x40), 1_000)],
    [
      'a TCP header longer than the packet',
      asSuper(changed(tcpPacket({ payload: pattern(4) }), 32, 0xf0), 2),
    ],
    ['an IPv4 header shorter than 20 bytes', asSuper(changed(tcp, 0, 0x44), 1_000, { csumStart: 20 })],
    ['IP version 5', asSuper(changed(tcp, 0, 0x55), 1_000, { csumStart: 20 })],
    ['a first fragment', asSuper(changed(tcp, 6, 0x20), 1_000)],
    ['a later fragment', asSuper(changed(tcp, 7, 0x01), 1_000)],
    ['an IPv6 header that says more', asSuper(changed(tcp6, 4, 0xff), 1_000)],
    [
      'extension headers past the end',
      asSuper(changed(changed(tcp6, 6, 60), 41, 255), 1_000, { csumStart: 40 }),
    ],
    ['a checksum field past the end', asSuper(tcp, 0, { csumOffset: 3_100 })],
    ['a checksum that starts past the end', asSuper(tcp, 0, { csumStart: 65_000 })],
    ['a checksum in the IP header', asSuper(tcp, 0, { csumStart: 0, csumOffset: 10 })],
  ])('refuses %s', (_name, read) => {
    expect(rig.cut(read)).toBeNull();
    expect(rig.isCutTidy(read)).toBe(true);
  });

  test('refuses a packet that leaves the memory', () => {
    expect(rig.segmenter.begin(5, 20)).toBe(0);
    expect(rig.segmenter.begin(rig.bytes.length - 10, 20)).toBe(0);
    expect(rig.segmenter.begin(2 ** 31 - 1, 65_535)).toBe(0);
    expect(rig.segmenter.next()).toBe(0);
  });

  test('refuses headers longer than it can repeat', () => {
    const options = Array.from({ length: 518 }, (_, i) => (i % 2 === 0 ? 1 : 0));
    expect(rig.cut(asSuper(tcpPacket({ ...V6, options, payload: pattern(3_000) }), 1_000))).toBeNull();
  });
});
