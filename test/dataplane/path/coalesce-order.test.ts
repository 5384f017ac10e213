/** One flow with something in its middle: what is joined with what, and that the order stays. */
import { describe, expect, test } from 'vitest';
import { KINDS, OffloadRig, type Written } from '../../support/offload-rig.ts';
import { cut, tcpSegments, VIRTIO_LEN } from '../../support/super-packets.ts';
import {
  ACK,
  type IpFields,
  isIntact,
  PSH,
  pattern,
  type TcpFields,
  tcpPacket,
  type UdpFields,
  udpPacket,
} from '../../support/transport-packets.ts';

const FIN = 0x01;
const RST = 0x04;
const URG = 0x20;
const ECE = 0x40;
const CWR = 0x80;
const ECT0 = 2;
const ECT1 = 1;
const CE = 3;
const V6: IpFields = { src: 'fd88::1', dst: 'fd88::2' };
const FAMILIES: readonly (readonly [string, IpFields])[] = [
  ['IPv4', {}],
  ['IPv6', V6],
];
const SIZE = 100;
const LATER = [1, 1, 8, 10, 0, 0, 0, 8, 0, 0, 0, 9];

/** Number `n` of a TCP flow whose payloads are `SIZE` bytes. */
function segment(n: number, fields: TcpFields = {}): Uint8Array {
  return tcpPacket({ sequence: 1_000 + n * SIZE, id: 100 + n, payload: pattern(SIZE, n), ...fields });
}

function datagram(n: number, fields: UdpFields = {}): Uint8Array {
  return udpPacket({ id: 100 + n, payload: pattern(SIZE, n), ...fields });
}

/** A flow of five whose middle one differs. */
function around(middle: TcpFields, all: TcpFields = {}): Uint8Array[] {
  return [0, 1, 2, 3, 4].map((n) => segment(n, n === 2 ? { ...all, ...middle } : all));
}

const counts = (written: readonly Written[]) => written.map(({ packets }) => packets);
const pieces = (written: readonly Written[]) => written.flatMap(({ bytes }) => cut(bytes));

/** But for the id that the kernel gives atomic datagrams as it likes. */
function withoutIds(packets: readonly Uint8Array[]): Uint8Array[] {
  return packets.map((packet) => {
    const copy = packet.slice();
    if ((copy[0] ?? 0) >> 4 !== 4 || ((copy[6] ?? 0) & 0x40) === 0) return copy;
    copy.fill(0, 4, 6);
    copy.fill(0, 10, 12);
    return copy;
  });
}

function withoutUdpChecksum(packet: Uint8Array, isV6: boolean): Uint8Array {
  const copy = packet.slice();
  copy.fill(0, isV6 ? 46 : 26, isV6 ? 48 : 28);
  return copy;
}

describe.each(KINDS)('Coalescer in %s', (kind) => {
  const rig = new OffloadRig(kind);

  /** Joined as said, and all there in the order they came. */
  function expectJoined(packets: readonly Uint8Array[], expected: readonly number[]): void {
    const written = rig.join(packets);
    expect(counts(written)).toEqual(expected);
    expect(withoutIds(pieces(written))).toEqual(withoutIds(packets));
  }

  describe.each(FAMILIES)('of TCP over %s', (_family, ip) => {
    test.each<[string, TcpFields, number[]]>([
      ['PSH ends a group and is kept', { flags: ACK | PSH }, [3, 2]],
      ['FIN goes alone', { flags: ACK | FIN }, [2, 1, 2]],
      ['FIN with PSH goes alone', { flags: ACK | FIN | PSH }, [2, 1, 2]],
      ['RST goes alone', { flags: ACK | RST }, [2, 1, 2]],
      ['CWR goes alone', { flags: ACK | CWR }, [2, 1, 2]],
      ['ECE goes alone', { flags: ACK | ECE }, [2, 1, 2]],
      ['URG goes alone', { flags: ACK | URG, urgent: 10 }, [2, 1, 2]],
      ['an urgent pointer without URG is not joined', { urgent: 10 }, [2, 1, 2]],
      ['a changed timestamp is not joined', { tcpOptions: LATER }, [2, 1, 2]],
      ['CE is not joined with what is not CE', { tos: CE }, [2, 1, 2]],
      ['another acknowledgment is not joined', { acknowledgment: 78 }, [2, 1, 2]],
    ])('%s', (_name, middle, expected) => expectJoined(around({ ...ip, ...middle }, ip), expected));

    test('congestion marks are joined with their like only', () => {
      for (const tos of [ECT0, ECT1, CE]) expectJoined(around({}, { ...ip, tos }), [5]);
      const marks = [ECT0, ECT0, CE, CE, ECT0, ECT1, ECT1];
      expectJoined(
        marks.map((tos, n) => segment(n, { ...ip, tos })),
        [2, 2, 1, 2],
      );
    });

    test('a timestamp that stays changed starts a group', () => {
      const packets = [0, 1, 2, 3].map((n) => segment(n, { ...ip, ...(n < 2 ? {} : { tcpOptions: LATER }) }));
      expectJoined(packets, [2, 2]);
    });

    test.each<[string, number[], number[]]>([
      ['a gap', [0, 1, 3, 4], [2, 2]],
      ['two swapped', [0, 1, 3, 2, 4, 5], [2, 1, 1, 2]],
      ['one that comes late', [0, 2, 3, 4, 1, 5, 6], [1, 3, 1, 2]],
      ['one that comes twice', [0, 1, 1, 2, 3], [2, 3]],
      ['all backwards', [3, 2, 1, 0], [1, 1, 1, 1]],
      ['a flow that starts again', [0, 1, 2, 0, 1, 2], [3, 3]],
    ])('joins nothing over %s', (_name, order, expected) => {
      expectJoined(
        order.map((n) => segment(n, ip)),
        expected,
      );
    });

    test('a smaller payload ends its group, a larger one starts the next', () => {
      const sizes = [100, 100, 99, 100, 100, 1, 1, 101, 101];
      let sequence = 2 ** 32 - 150;
      const packets = sizes.map((len, n) => {
        const packet = tcpPacket({ ...ip, sequence, id: n, payload: pattern(len, n) });
        sequence = (sequence + len) % 2 ** 32;
        return packet;
      });
      expectJoined(packets, [3, 3, 1, 2]);
    });

    test('odd sizes keep their checksums', () => {
      for (const size of [1, 3, 33, 1_349]) {
        const packets = tcpSegments({ ...ip, payload: pattern(size * 7 + Math.floor(size / 2)) }, size);
        const written = rig.join(packets);
        expect(written).toHaveLength(1);
        expect(pieces(written).every(isIntact)).toBe(true);
        expect(withoutIds(pieces(written))).toEqual(withoutIds(packets));
      }
    });

    test('many small segments are one group', () =>
      expectJoined(tcpSegments({ ...ip, payload: pattern(200) }, 1), [200]));

    test('a group has exactly 65,535 bytes at most', () => {
      const fields = { ...ip, tcpOptions: [] };
      // With headers of 40 and 60 bytes: what fills a group to its last byte, and one byte more.
      const fills = ip === V6 ? { size: 21_825, count: 3 } : { size: 13_099, count: 5 };
      const bursts = ip === V6 ? { size: 16_369, count: 4 } : { size: 8_187, count: 8 };
      const train = (size: number, count: number) =>
        tcpSegments({ ...fields, payload: pattern(size * count) }, size);
      expectJoined(train(fills.size, fills.count + 1), [fills.count, 1]);
      expectJoined(train(bursts.size, bursts.count), [bursts.count - 1, 1]);
      expect(rig.join(train(fills.size, fills.count))[0]?.bytes.length).toBe(VIRTIO_LEN + 65_535);
    });

    test('what has no ports in sight ends the groups before it', () => {
      const options = ip === V6 ? [1, 4, 0, 0, 0, 0] : [1, 1, 1, 0];
      expectJoined(around({ ...ip, options }, ip), [2, 1, 2]);
    });
  });

  test('ids that do not count on are not joined without DF, and are with it', () => {
    const ids = [7, 8, 10, 11];
    const make = (dontFragment: boolean) => ids.map((id, n) => segment(n, { id, dontFragment }));
    const written = rig.join(make(false));
    expect(counts(written)).toEqual([2, 2]);
    // Without DF the ids are the sender's: fragments are put together by them.
    expect(pieces(written)).toEqual(make(false));
    expectJoined(make(true), [4]);
    expectJoined(
      [7, 7, 7].map((id, n) => segment(n, { id, dontFragment: false })),
      [1, 1, 1],
    );
  });

  describe.each(FAMILIES)('of UDP over %s', (_family, ip) => {
    test('a datagram without checksum goes alone, as it came and in its place', () => {
      const packets = [0, 1, 2, 3, 4].map((n) => datagram(n, ip));
      packets[2] = withoutUdpChecksum(packets[2] ?? datagram(2), ip === V6);
      expectJoined(packets, [2, 1, 2]);
      const written = rig.join(packets);
      expect(written[1]?.bytes.slice(VIRTIO_LEN)).toEqual(packets[2]);
    });

    test('no checksum is none, also where the right one would be zero', () => {
      const payload = pattern(SIZE);
      payload.fill(0, 0, 2);
      const fieldAt = ip === V6 ? 46 : 26;
      const missing = new DataView(udpPacket({ ...ip, payload }).buffer).getUint16(fieldAt);
      new DataView(payload.buffer).setUint16(0, missing);
      const packets = [0, 1, 2].map((n) => datagram(n, { ...ip, payload }));
      expect(packets.map((packet) => new DataView(packet.buffer).getUint16(fieldAt))).toEqual(
        Array(3).fill(0xffff),
      );
      expectJoined(packets, [3]);
      const unchecked = packets.map((packet) => withoutUdpChecksum(packet, ip === V6));
      const written = rig.join(unchecked);
      expect(written.map(({ bytes }) => bytes.slice(VIRTIO_LEN))).toEqual(unchecked);
    });

    test.each<[string, number[], number[]]>([
      ['a smaller one ends its group', [100, 100, 60, 60, 60], [3, 2]],
      ['a larger one starts the next', [60, 60, 100, 100], [2, 2]],
      ['an empty one goes alone', [60, 60, 0, 60, 60], [2, 1, 2]],
    ])('%s', (_name, sizes, expected) => {
      expectJoined(
        sizes.map((len, n) => datagram(n, { ...ip, payload: pattern(len, n) })),
        expected,
      );
    });

    test('a group is at most 64 datagrams, also when they are as small as can be', () => {
      const packets = Array.from({ length: 129 }, (_, n) => datagram(n, { ...ip, payload: pattern(1, n) }));
      expectJoined(packets, [64, 64, 1]);
    });

    test('a group is at most 65,535 bytes', () => {
      const packets = Array.from({ length: 9 }, (_, n) => datagram(n, { ...ip, payload: pattern(9_000, n) }));
      expectJoined(packets, [7, 2]);
    });

    test('a fragment between ends the groups', () => {
      if (ip === V6) return;
      const packets = [0, 1, 2, 3, 4].map((n) => datagram(n, { ...ip, dontFragment: false }));
      const middle = packets[2] ?? datagram(2);
      middle[6] = 0x20;
      const written = rig.join(packets);
      expect(counts(written)).toEqual([2, 1, 2]);
      expect(written[1]?.bytes.slice(VIRTIO_LEN)).toEqual(middle);
    });
  });
});
