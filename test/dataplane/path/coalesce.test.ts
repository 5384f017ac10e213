import { describe, expect, test } from 'vitest';
import { OPEN_GROUPS } from '../../../dataplane/path/coalesce.ts';
import { KINDS, OffloadRig, type Written } from '../../support/offload-rig.ts';
import { cut, tcpSegments, udpSegments, VIRTIO_LEN, virtioHeader } from '../../support/super-packets.ts';
import {
  ACK,
  type IpFields,
  PSH,
  pattern,
  type TcpFields,
  tcpPacket,
  type UdpFields,
  udpPacket,
} from '../../support/transport-packets.ts';

const V6: IpFields = { src: 'fd88::1', dst: 'fd88::2' };
const SIZE = 100;

/** `count` packets of one flow, one behind the other; `changes` are the last one's. */
function train(count: number, fields: TcpFields = {}, changes: TcpFields = {}): Uint8Array[] {
  return Array.from({ length: count }, (_, i) =>
    tcpPacket({
      sequence: (0xffff_ff80 + i * SIZE) % 2 ** 32,
      id: (0xfffe + i) % 65_536,
      payload: pattern(SIZE, i),
      ...fields,
      ...(i === count - 1 ? changes : {}),
    }),
  );
}

function datagrams(count: number, fields: UdpFields = {}, changes: UdpFields = {}): Uint8Array[] {
  return Array.from({ length: count }, (_, i) =>
    udpPacket({
      payload: pattern(SIZE, i),
      id: (7 + i) % 65_536,
      ...fields,
      ...(i === count - 1 ? changes : {}),
    }),
  );
}

/** How many packets each write stands for. */
const counts = (written: readonly Written[]) => written.map(({ packets }) => packets);
const plain = (packet: Uint8Array) => Uint8Array.from([...virtioHeader(), ...packet]);

function broken(packet: Uint8Array, at: number): Uint8Array {
  const copy = packet.slice();
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
}

describe.each(KINDS)('Coalescer in %s', (kind) => {
  const rig = new OffloadRig(kind);

  test('says what it is made in', () => expect(rig.coalescer.name).toBe(kind));

  test.each([
    ['TCP over IPv4', train(5)],
    ['TCP over IPv6', train(5, V6)],
    ['TCP without options', train(5, { tcpOptions: [] })],
    ['TCP with all options', train(5, { ...V6, tcpOptions: Array(40).fill(1) })],
    ['TCP with a smaller last one', train(5, {}, { payload: pattern(1) })],
    ['TCP with PSH on the last', train(5, {}, { flags: ACK | PSH })],
    ['TCP with payloads shorter than the header', tcpSegments({ payload: pattern(30) }, 3)],
    ['UDP over IPv4', datagrams(5)],
    ['UDP over IPv6', datagrams(5, V6)],
    ['UDP with a smaller last one', datagrams(5, {}, { payload: pattern(99) })],
    ['UDP with one byte each', udpSegments({ payload: pattern(20) }, 1)],
    ['IPv4 without DF, ids counting on', train(5, { dontFragment: false })],
    ['IPv4 with DF, ids as they like', train(5, {}, { id: 1 })],
  ])('joins %s', (_name, packets) => {
    const written = rig.join(packets);
    expect(counts(written)).toEqual([packets.length]);
    expect(written[0]?.sumOfLens).toBe(packets.reduce((sum, packet) => sum + packet.length, 0));
    expect(written[0]?.context).toBe(1);
    // The kernel numbers atomic datagrams as it likes: RFC 6864.
    const given = cut(written[0]?.bytes ?? new Uint8Array());
    const sameIds = packets.map((packet, i) => withIdOf(packet, given[i] ?? packet));
    expect(given).toEqual(sameIds);
  });

  test.each<[string, Uint8Array[]]>([
    ['another sequence number', train(4, {}, { sequence: 5 })],
    ['a byte missing', train(4, {}, { sequence: (0xffff_ff80 + 3 * SIZE + 1) % 2 ** 32 })],
    ['another acknowledgment', train(4, {}, { acknowledgment: 78 })],
    ['another window', train(4, {}, { window: 500 })],
    ['other options', train(4, {}, { tcpOptions: [1, 1, 8, 10, 0, 0, 0, 8, 0, 0, 0, 9] })],
    ['fewer options', train(4, {}, { tcpOptions: [] })],
    ['another urgent pointer', train(4, {}, { urgent: 1 })],
    ['another TTL', train(4, {}, { ttl: 63 })],
    ['congestion experienced', train(4, { tos: 2 }, { tos: 3 })],
    ['another DSCP', train(4, {}, { tos: 0x20 })],
    ['another DF', train(4, {}, { dontFragment: false })],
    ['an id that does not count on, without DF', train(4, { dontFragment: false }, { id: 9 })],
    ['another hop limit', train(4, V6, { ttl: 63 })],
    ['another traffic class', train(4, V6, { tos: 3 })],
    ['another flow label', train(4, V6, { flowLabel: 1 })],
    ['a larger payload', train(4, {}, { payload: pattern(SIZE + 1) })],
    ['a larger datagram', datagrams(4, {}, { payload: pattern(SIZE + 1) })],
    ['another TTL of UDP', datagrams(4, {}, { ttl: 63 })],
    ['congestion experienced of UDP', datagrams(4, V6, { tos: 3 })],
    ['an id that does not count on of UDP', datagrams(4, { dontFragment: false }, { id: 9 })],
  ])('ends the group at %s', (_name, packets) => {
    const written = rig.join(packets);
    expect(counts(written)).toEqual([3, 1]);
    expect(written[1]?.bytes).toEqual(plain(packets[3] ?? new Uint8Array()));
  });

  test.each<[string, Uint8Array]>([
    ['SYN', tcpPacket({ flags: 0x02 })],
    ['FIN', tcpPacket({ flags: ACK | 0x01 })],
    ['RST', tcpPacket({ flags: ACK | 0x04 })],
    ['URG', tcpPacket({ flags: ACK | 0x20 })],
    ['ECE', tcpPacket({ flags: ACK | 0x40 })],
    ['CWR', tcpPacket({ flags: ACK | 0x80 })],
    ['no flag', tcpPacket({ flags: 0 })],
    ['a reserved bit', tcpPacket({ reserved: 1 })],
    ['no payload', tcpPacket({ payload: new Uint8Array(0) })],
    ['a broken TCP checksum', broken(tcpPacket(), 60)],
    ['a broken TCP checksum in IPv6', broken(tcpPacket(V6), 100)],
    ['a broken IPv4 checksum', broken(tcpPacket(), 10)],
    ['a TCP header too short', broken(tcpPacket({ tcpOptions: [] }), 32)],
    ['a broken UDP checksum', broken(udpPacket(), 40)],
    ['no UDP checksum', withoutChecksum(udpPacket())],
    ['no UDP payload', udpPacket({ payload: new Uint8Array(0) })],
    ['another UDP length', broken(udpPacket(), 25)],
    ['IPv4 options', tcpPacket({ options: [1, 1, 1, 1] })],
    ['IPv6 extension headers', tcpPacket({ ...V6, options: [1, 4, 0, 0, 0, 0] })],
    ['a first fragment', broken(tcpPacket({ dontFragment: false }), 6)],
    ['another protocol', Uint8Array.from([0x45, 0, 0, 21, 0, 0, 0, 0, 9, 1, ...Array(10).fill(0), 8])],
    ['a TCP header cut short', Uint8Array.from([0x45, 0, 0, 30, ...tcpPacket().slice(4, 30)])],
    ['not even an IP header', Uint8Array.of(0x45)],
  ])('passes on, alone and untouched: %s', (_name, packet) => {
    expect(rig.add(packet).map(({ bytes }) => bytes)).toEqual([plain(packet)]);
    expect(rig.add(packet).map(({ bytes }) => bytes)).toEqual([plain(packet)]);
    expect(rig.flush()).toEqual([]);
  });

  test('a packet that can’t be joined does not overtake its flow', () => {
    const alone = tcpPacket({ payload: new Uint8Array(0), acknowledgment: 99 });
    const [first = alone, second = alone] = train(2);
    expect(counts([...rig.add(first), ...rig.add(second)])).toEqual([]);
    const written = rig.add(alone);
    expect(counts(written)).toEqual([2, 1]);
    expect(written[1]?.bytes).toEqual(plain(alone));
  });

  test('a packet of unknown flow overtakes none', () => {
    const fragment = broken(udpPacket({ dontFragment: false }), 6);
    expect(counts(rig.join([...train(2), ...datagrams(3), fragment]))).toEqual([2, 3, 1]);
  });

  test('another flow’s packet ends no group', () => {
    const ack = tcpPacket({ ports: [1, 2], payload: new Uint8Array(0) });
    const [first = ack, second = ack] = train(2);
    expect(counts([...rig.add(first), ...rig.add(ack), ...rig.add(second), ...rig.flush()])).toEqual([1, 2]);
  });

  test.each<[string, (i: number) => TcpFields]>([
    ['source port', (i) => ({ ports: [i, 9] })],
    ['destination port', (i) => ({ ports: [9, i] })],
    ['source', (i) => ({ src: `10.0.0.${i + 1}` })],
    ['destination', (i) => ({ dst: `10.0.0.${i + 1}` })],
    ['IPv6 source', (i) => ({ ...V6, src: `fd88::${i + 1}` })],
    ['IPv6 destination', (i) => ({ ...V6, dst: `fd88:${i + 1}::2` })],
  ])('flows that differ in their %s may interleave', (_name, fields) => {
    const flows = Array.from({ length: OPEN_GROUPS }, (_, i) => train(6, fields(i)));
    const woven = Array.from({ length: 6 }, (_, n) => flows.map((flow) => flow[n] ?? new Uint8Array()));
    const written = rig.join(woven.flat());
    expect(counts(written)).toEqual(flows.map(() => 6));
    expect(written.map(({ bytes }) => cut(bytes))).toEqual(flows);
  });

  test('TCP and UDP on the same ports, and other contexts, are other flows', () => {
    const [a = new Uint8Array(), b = a] = train(2, { ports: [5, 5] });
    const [c = a, d = a] = datagrams(2, { ports: [5, 5] });
    const written = [a, c, b, d].flatMap((packet) => rig.add(packet));
    expect(counts([...written, ...rig.flush()])).toEqual([2, 2]);
    expect(counts([...rig.add(a, 1), ...rig.add(b, 2), ...rig.flush()])).toEqual([1, 1]);
  });

  test('the least recently used group makes room', () => {
    const flows = Array.from({ length: OPEN_GROUPS + 1 }, (_, i) => train(2, { ports: [i + 1, 9] }));
    const first = (i: number) => flows[i]?.[0] ?? new Uint8Array();
    for (let i = 0; i < OPEN_GROUPS; i++) expect(rig.add(first(i))).toEqual([]);
    expect(rig.add(flows[0]?.[1] ?? new Uint8Array())).toEqual([]);
    const evicted = rig.add(first(OPEN_GROUPS));
    expect(evicted.map(({ bytes }) => bytes)).toEqual([plain(first(1))]);
    expect(counts(rig.flush())).toEqual([...Array(OPEN_GROUPS - 2).fill(1), 2, 1]);
  });

  test('a group is at most 65,535 bytes', () => {
    const packets = tcpSegments({ payload: pattern(80_000) }, 1_348);
    const written = rig.join(packets);
    expect(written.flatMap(({ bytes }) => cut(bytes))).toEqual(packets.map((packet) => packet));
    const [longest = 0] = written.map(({ bytes }) => bytes.length - VIRTIO_LEN);
    expect(longest).toBeLessThanOrEqual(65_535);
    expect(longest + 1_348).toBeGreaterThan(65_535);
  });

  test('a UDP group is at most 64 datagrams', () => {
    expect(counts(rig.join(datagrams(130)))).toEqual([64, 64, 2]);
  });

  test('a packet of 65,535 bytes passes, and one behind it', () => {
    const largest = tcpPacket({ payload: pattern(65_535 - 52) });
    const next = tcpPacket({ sequence: 1000 + 65_535 - 52 });
    expect(rig.join([largest, next]).map(({ bytes }) => bytes)).toEqual([plain(largest), plain(next)]);
  });

  test('what is not merged by order goes alone', () => {
    const none = new OffloadRig(kind, { tcp: false, udp: false });
    expect(counts(none.join([...train(2), ...datagrams(2)]))).toEqual([1, 1, 1, 1]);
    const tcpOnly = new OffloadRig(kind, { udp: false });
    expect(counts(tcpOnly.join([...train(2), ...datagrams(2)]))).toEqual([1, 1, 2]);
  });

  test('a place that no packet came to leaves the groups as they were', () => {
    const packets = train(6);
    const written = packets.flatMap((packet) => {
      rig.spoil(packet.length);
      rig.spoil(40);
      return rig.add(packet);
    });
    rig.spoil(152);
    const all = [...written, ...rig.flush()];
    expect(counts(all)).toEqual([6]);
    expect(all.flatMap(({ bytes }) => cut(bytes))).toEqual(packets);
  });

  test('refuses a place while what is done was not taken', () => {
    const crowded = new OffloadRig(kind);
    for (let i = 0; i <= OPEN_GROUPS; i++) {
      const packet = tcpPacket({ flags: 0x02 });
      crowded.bytes.set(packet, crowded.coalescer.nextAt(packet.length));
      expect(crowded.coalescer.add(packet.length, 1)).toBe(true);
    }
    expect(() => crowded.coalescer.nextAt(100)).toThrow();
  });
});

function withoutChecksum(packet: Uint8Array): Uint8Array {
  const copy = packet.slice();
  copy.fill(0, 26, 28);
  return copy;
}

/** The packet with id and header checksum of another, where it is IPv4. */
function withIdOf(packet: Uint8Array, other: Uint8Array): Uint8Array {
  if ((packet[0] ?? 0) >> 4 !== 4 || ((packet[6] ?? 0) & 0x40) === 0) return packet;
  const copy = packet.slice();
  copy.set(other.slice(4, 6), 4);
  copy.set(other.slice(10, 12), 10);
  return copy;
}
