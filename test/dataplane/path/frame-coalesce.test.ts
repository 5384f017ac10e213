/** Frames behind equal headers are joined as the packets in them are; all others keep their place. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FrameCoalescer, MAX_HEADERS } from '../../../dataplane/path/frame-coalesce.ts';
import { concat, ethernetHeader, framed, ipTypeOf } from '../../support/frames-of.ts';
import { arrival, packetsOf } from '../../support/offload-arbitraries.ts';
import { KINDS, OffloadRig, PLACES_LEN, type Written } from '../../support/offload-rig.ts';
import { cut, VIRTIO_LEN, virtioHeader } from '../../support/super-packets.ts';
import { ACK, pattern, tcpPacket, udpPacket } from '../../support/transport-packets.ts';

const HEADER_LEN = 14;
const SIZE = 100;

/** Number `n` of a TCP flow that may be joined. */
const segment = (flow: number, n: number, len = SIZE) =>
  tcpPacket({
    ports: [flow, 9],
    sequence: 1_000 + n * SIZE,
    id: 100 + n,
    flags: ACK,
    payload: pattern(len, n),
  });
const ipFrame = (packet: Uint8Array, src = 1) => concat(ethernetHeader(ipTypeOf(packet), { src }), packet);
const arp = concat(ethernetHeader(0x0806), pattern(28));

function setUp(kind: (typeof KINDS)[number], rig = new OffloadRig(kind)) {
  const coalescer = new FrameCoalescer(rig.coalescer, rig);
  const taken = (): Written[] => {
    const out: Written[] = [];
    while (coalescer.take()) {
      const { packetAt, packetLen, packets, bytes, context } = coalescer;
      const written = rig.bytes.slice(packetAt - VIRTIO_LEN, packetAt + packetLen);
      out.push({ bytes: written, packets, sumOfLens: bytes, context });
    }
    return out;
  };
  const add = (frame: Uint8Array, context = 1, maxLen = frame.length): Written[] => {
    rig.bytes.set(frame, coalescer.nextAt(maxLen));
    return coalescer.add(frame.length, context) ? taken() : [];
  };
  /** A place is asked for and written to, but no frame came of it. */
  const spoil = (len: number): void => {
    const at = coalescer.nextAt(len);
    rig.bytes.fill(0xee, at, at + len);
  };
  const flush = (): Written[] => (coalescer.flush() ? taken() : []);
  const join = (frames: readonly Uint8Array[]) => [...frames.flatMap((frame) => add(frame)), ...flush()];
  return { rig, coalescer, add, spoil, flush, join };
}

/** The frames that a written one stands for. */
function framesIn({ bytes }: Written): Uint8Array[] {
  const header = bytes.slice(VIRTIO_LEN, VIRTIO_LEN + HEADER_LEN);
  if ((bytes[1] ?? 0) === 0) return [bytes.slice(VIRTIO_LEN)];
  const virtio = bytes.slice(0, VIRTIO_LEN);
  const view = new DataView(virtio.buffer);
  view.setUint16(2, view.getUint16(2, true) - HEADER_LEN, true);
  view.setUint16(6, view.getUint16(6, true) - HEADER_LEN, true);
  const packets = cut(concat(virtio, bytes.subarray(VIRTIO_LEN + HEADER_LEN)));
  return packets.map((packet) => concat(header, packet));
}

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
/** All but the id and the sum of an atomic IPv4 datagram, which may change (RFC 6864). */
function contentOf(frame: Uint8Array): string {
  const copy = frame.slice();
  const isAtomic = copy[12] === 8 && copy[14] === 0x45 && ((copy[20] ?? 0) & 0x40) !== 0;
  if (isAtomic) {
    copy.fill(0, 18, 20);
    copy.fill(0, 24, 26);
  }
  return text(copy);
}

describe.each(KINDS)('FrameCoalescer around %s', (kind) => {
  test('joins behind one header just as the packets alone are joined', () => {
    const { rig, coalescer, add, spoil, flush } = setUp(kind);
    const reference = new OffloadRig('TypeScript');
    expect(coalescer.name).toBe(kind);
    let joined = 0;
    fc.assert(
      fc.property(fc.array(arrival, { minLength: 20, maxLength: 60 }), (list) => {
        const whole = list.map((one) => ({ ...one, damage: null }));
        const packets = packetsOf(whole);
        const frames: Written[] = [];
        const expected: Written[] = [];
        // Headers of their own for both versions: no flow has both.
        packets.forEach((packet, i) => {
          if (list[i]?.isSpoiled) {
            spoil(packet.length + HEADER_LEN);
            reference.spoil(packet.length);
          }
          frames.push(...add(ipFrame(packet), 7));
          expected.push(...reference.add(packet, 7));
        });
        frames.push(...flush());
        expected.push(...reference.flush());
        expect(frames.length).toBe(expected.length);
        frames.forEach((frame, i) => {
          const { bytes, packets: count, sumOfLens, context } = expected[i] ?? frame;
          const header = ethernetHeader(ipTypeOf(bytes.subarray(VIRTIO_LEN)));
          expect(text(frame.bytes)).toBe(text(framed(bytes, header)));
          expect(frame).toMatchObject({ packets: count, sumOfLens: sumOfLens + count * HEADER_LEN, context });
          if (count > 1) joined++;
        });
      }),
      { numRuns: 200 },
    );
    expect(joined).toBeGreaterThan(100);
    expect(rig.isPoison(rig.placesAt - 65_536, rig.placesAt)).toBe(true);
    expect(rig.isPoison(rig.placesAt + PLACES_LEN, rig.bytes.length)).toBe(true);
  });

  test('whatever comes, in each flow the same frames leave in the same order, never overtaking a lone one', () => {
    const { add, spoil, flush } = setUp(kind);
    const usually = <T>(usual: T, rare: fc.Arbitrary<T>) =>
      fc.oneof({ weight: 15, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: rare });
    const odd = fc.constantFrom('vlan', 'length', 'swapped', 'arp', 'empty');
    const extras = fc.record({
      src: usually(1, fc.nat({ max: 2 })),
      context: usually(1, fc.nat({ max: 2 })),
      odd: usually('plain', odd),
    });
    let joined = 0;
    fc.assert(
      fc.property(fc.array(fc.tuple(arrival, extras), { minLength: 20, maxLength: 60 }), (list) => {
        const packets = packetsOf(list.map(([one]) => ({ ...one, damage: null })));
        const sent: { frame: Uint8Array; context: number }[] = [];
        const written: Written[] = [];
        list.forEach(([{ isSpoiled }, { src, context, odd: kindOfFrame }], i) => {
          const packet = packets[i] ?? new Uint8Array();
          const type = ipTypeOf(packet);
          const makers: Record<string, () => Uint8Array> = {
            vlan: () => concat(ethernetHeader(0x8100, { src }), packet),
            length: () => concat(ethernetHeader(packet.length & 0x5ff, { src }), packet),
            swapped: () => concat(ethernetHeader(type ^ 0x8edd, { src }), packet),
            arp: () => arp,
            empty: () => ethernetHeader(type, { src }),
          };
          const frame = makers[kindOfFrame]?.() ?? ipFrame(packet, src);
          if (isSpoiled) spoil(frame.length);
          const isLone = kindOfFrame !== 'plain';
          sent.push({ frame, context });
          const now = add(frame, context);
          written.push(...now);
          if (!isLone) return;
          // All before it left before it, and it left at once.
          const count = written.reduce((sum, one) => sum + one.packets, 0);
          expect(count).toBe(sent.length);
          const last = now.at(-1);
          expect(text(last?.bytes ?? new Uint8Array())).toBe(text(concat(virtioHeader(), frame)));
          expect(last).toMatchObject({ packets: 1, sumOfLens: frame.length, context });
        });
        written.push(...flush());
        const left = written.flatMap((one) =>
          framesIn(one).map((frame) => ({ frame, context: one.context })),
        );
        joined += written.filter((one) => one.packets > 1).length;
        expect(byFlow(left)).toEqual(byFlow(sent));
      }),
      { numRuns: 200 },
    );
    expect(joined).toBeGreaterThan(100);
  });

  function byFlow(list: readonly { frame: Uint8Array; context: number }[]): Map<string, string[]> {
    const flows = new Map<string, string[]>();
    for (const { frame, context } of list) {
      const key = `${context} ${flowOf(frame)}`;
      flows.set(key, [...(flows.get(key) ?? []), contentOf(frame)]);
    }
    return flows;
  }

  /** Header, addresses and ports. */
  function flowOf(frame: Uint8Array): string {
    const version = (frame[14] ?? 0) >> 4;
    const end = version === 4 ? 38 : 58;
    return text(concat(frame.slice(0, 14), frame.slice(version === 4 ? 26 : 22, end)));
  }

  test('frames of another header or context are not joined', () => {
    const { add, flush } = setUp(kind);
    const differing: readonly [Uint8Array, number][] = [
      [ethernetHeader(0x0800, { src: 2 }), 1],
      [ethernetHeader(0x0800, { dst: 3 }), 1],
      [ethernetHeader(0x0800), 2],
      [concat(Uint8Array.of(0x06), ethernetHeader(0x0800).subarray(1)), 1],
    ];
    for (const [header, context] of differing) {
      add(ipFrame(segment(1, 0)), 1);
      add(concat(header, segment(1, 1)), context);
      const written = flush();
      expect(written.map((one) => [one.packets, one.context])).toEqual([
        [1, 1],
        [1, context],
      ]);
      expect(written.flatMap(framesIn).map(text)).toEqual([
        text(ipFrame(segment(1, 0))),
        text(concat(header, segment(1, 1))),
      ]);
    }
  });

  test.each([
    ['a VLAN tag', 0x8100, 0x45],
    ['a length', 0x0100, 0x45],
    ['the type of the other version', 0x86dd, 0x45],
    ['ARP', 0x0806, 0],
  ])('what looks like a packet behind %s goes alone', (_name, type) => {
    const { join } = setUp(kind);
    const frames = [0, 1, 2].map((n) => concat(ethernetHeader(type), segment(1, n)));
    const written = join(frames);
    expect(written.map(({ packets }) => packets)).toEqual([1, 1, 1]);
    expect(written.flatMap(framesIn).map(text)).toEqual(frames.map(text));
  });

  test('a frame of the smallest payloads does not harm what it was opened over', () => {
    for (const len of [1, 2, 12, 13, 14, 15, 40]) {
      const { join } = setUp(kind);
      const packets = [0, 1, 2, 3].map((n) =>
        udpPacket({ ports: [5, 9], payload: pattern(len, n), id: n, dontFragment: true }),
      );
      const written = join(packets.map((packet) => ipFrame(packet)));
      expect(written.map((one) => one.packets)).toEqual([4]);
      expect(written.flatMap(framesIn).map(contentOf)).toEqual(packets.map((one) => contentOf(ipFrame(one))));
    }
  });

  test('a frame shorter than its header is forgotten', () => {
    const { rig, coalescer, add, flush } = setUp(kind);
    add(ipFrame(segment(1, 0)));
    for (const len of [0, 13]) {
      const at = coalescer.nextAt(len);
      rig.bytes.fill(0xee, at, at + len);
      expect(coalescer.add(len, 1)).toBe(false);
    }
    add(ipFrame(segment(1, 1)));
    expect(flush().flatMap(framesIn).map(contentOf)).toEqual(
      [0, 1].map((n) => contentOf(ipFrame(segment(1, n)))),
    );
  });

  test('a full table ends all groups; then there is room for as many headers again', () => {
    const { add, flush } = setUp(kind);
    for (let round = 0; round < 3; round++) {
      const written: Written[] = [];
      for (let i = 0; i < MAX_HEADERS; i++) {
        const before = written.length;
        written.push(...add(ipFrame(segment(1, 0), i), i));
        const isLast = i === MAX_HEADERS - 1;
        if (isLast) expect(written.length - before).toBeGreaterThan(1);
      }
      expect(written).toHaveLength(MAX_HEADERS);
      written.forEach((one, i) => {
        expect(one.context).toBe(i);
        expect(text(one.bytes.subarray(VIRTIO_LEN))).toBe(text(ipFrame(segment(1, 0), i)));
      });
      expect(flush()).toEqual([]);
    }
  });

  test('many headers over many turns stay within the table', () => {
    const { add, flush } = setUp(kind);
    for (let i = 0; i < 5 * MAX_HEADERS; i++) {
      const frames = [0, 1].map((n) => ipFrame(segment(1, n), i & 0xff));
      const written = [...frames.flatMap((frame) => add(frame, i)), ...flush()];
      expect(written.map((one) => [one.packets, one.context])).toEqual([[2, i]]);
    }
  });

  test('the largest frames fit their place, with the headers before them', () => {
    const { rig, join } = setUp(kind);
    const len = 65_535 - 40;
    const big = ipFrame(tcpPacket({ tcpOptions: [], payload: pattern(len) }));
    const tagged = concat(ethernetHeader(0x88a8), pattern(65_543));
    for (const frame of [big, tagged]) {
      expect(join([frame, frame]).map(({ bytes }) => text(bytes))).toEqual(
        [frame, frame].map((one) => text(concat(virtioHeader(), one))),
      );
    }
    expect(rig.isPoison(rig.placesAt - 65_536, rig.placesAt)).toBe(true);
    expect(rig.isPoison(rig.placesAt + PLACES_LEN, rig.bytes.length)).toBe(true);
  });

  test('once it is flushed, packets and frames may take turns', () => {
    const { rig, add, spoil, flush } = setUp(kind);
    const packets = [0, 1, 2].map((n) => segment(1, n));
    for (let round = 0; round < 3; round++) {
      for (const packet of packets) add(ipFrame(packet), 5);
      // The place that is asked for lies over the group: flush() puts back what was there.
      spoil(HEADER_LEN);
      const frames = flush();
      expect(frames.flatMap(framesIn).map(contentOf)).toEqual(packets.map((one) => contentOf(ipFrame(one))));
      const joined = [...packets.flatMap((packet) => rig.add(packet, 9)), ...rig.flush()];
      expect(joined.map((one) => [one.packets, one.context])).toEqual([[3, 9]]);
    }
  });
});
