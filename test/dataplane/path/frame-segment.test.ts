/** Super-frames are cut as the packets in them are, the header in front of each. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FrameSegmenter } from '../../../dataplane/path/frame-segment.ts';
import { concat, ethernetHeader, framed, ipTypeOf } from '../../support/frames-of.ts';
import { superPacket } from '../../support/offload-arbitraries.ts';
import { KINDS, OffloadRig } from '../../support/offload-rig.ts';
import { asSuper, VIRTIO_LEN, virtioHeader } from '../../support/super-packets.ts';
import { isIntact, pattern, tcpPacket, udpPacket } from '../../support/transport-packets.ts';

type Tags = readonly [number, number][];
const TAGS: readonly Tags[] = [
  [],
  [[0x8100, 0x4005]],
  [
    [0x88a8, 0x4007],
    [0x8100, 0x6005],
  ],
];
const THREE: Tags = [
  [0x88a8, 1],
  [0x8100, 2],
  [0x8100, 3],
];
const POISONED = 70_000;
const reference = new OffloadRig('TypeScript');

/** As toEqual, which takes its time over bytes. */
function isEqual(a: Uint8Array, b: Uint8Array | undefined): boolean {
  return b !== undefined && Buffer.compare(a, b) === 0;
}

function setUp(kind: (typeof KINDS)[number]) {
  const rig = new OffloadRig(kind);
  const segmenter = new FrameSegmenter(rig.segmenter, rig);
  const begin = (read: Uint8Array): number => {
    rig.bytes.fill(0xa5, rig.packetAt - 1_024, rig.packetAt + POISONED);
    rig.bytes.set(read, rig.packetAt - VIRTIO_LEN);
    return segmenter.begin(rig.packetAt, read.length - VIRTIO_LEN);
  };
  /** The frames, null for a malformed one. */
  const cut = (read: Uint8Array): Uint8Array[] | null => {
    const count = begin(read);
    const out: Uint8Array[] = [];
    for (let len = segmenter.next(); len > 0; len = segmenter.next()) {
      out.push(rig.bytes.slice(segmenter.at, segmenter.at + len));
    }
    expect(out).toHaveLength(count);
    return count === 0 ? null : out;
  };
  return { rig, segmenter, begin, cut };
}

describe.each(KINDS)('FrameSegmenter around %s', (kind) => {
  const { rig, segmenter, begin, cut } = setUp(kind);

  test('is named as what it wraps', () => {
    expect(segmenter.name).toBe(kind);
  });

  test('gives what the packet alone is cut into, each behind the header', () => {
    let cuts = 0;
    fc.assert(
      fc.property(superPacket, fc.constantFrom(...TAGS), (read, tags) => {
        // A damaged packet may not know what it is: then its header does not either.
        const header = ethernetHeader(ipTypeOf(read.subarray(VIRTIO_LEN)), { tags });
        const isComplete = read[1] === 0 && ((read[0] ?? 0) & 1) === 0;
        const packets = read.length === VIRTIO_LEN && isComplete ? [new Uint8Array()] : reference.cut(read);
        const frames = cut(framed(read, header));
        const expected = packets?.map((packet) => concat(header, packet)) ?? null;
        const isSame =
          frames?.length === expected?.length && frames?.every((one, i) => isEqual(one, expected?.[i]));
        if (isSame === false) expect(frames).toEqual(expected);
        expect(rig.isPoison(rig.packetAt - 1_024, rig.packetAt - VIRTIO_LEN)).toBe(true);
        const end = rig.packetAt + header.length + read.length - VIRTIO_LEN;
        expect(rig.isPoison(end, rig.packetAt + POISONED)).toBe(true);
        if ((packets?.length ?? 0) > 1) cuts++;
      }),
      { numRuns: 600 },
    );
    expect(cuts).toBeGreaterThan(100);
  });

  test.each<[string, Uint8Array]>([
    ['ARP', concat(ethernetHeader(0x0806), pattern(46))],
    ['802.3, whose type is a length', concat(ethernetHeader(0x0026), pattern(46))],
    ['IPv4 with padding', concat(ethernetHeader(0x0800), tcpPacket({ payload: pattern(1) }), pattern(9))],
    ['nothing behind its header', ethernetHeader(0x0800)],
    ['broken IPv4', concat(ethernetHeader(0x0800), Uint8Array.of(0x45, 0))],
    ['a tag without the rest', ethernetHeader(0x8100)],
    ['three tags', concat(ethernetHeader(0x0800, { tags: THREE }), tcpPacket())],
  ])('a complete frame goes through as it is: %s', (_name, frame) => {
    expect(cut(concat(virtioHeader(), frame))).toEqual([frame]);
  });

  test.each<[string, Uint8Array]>([
    ['IPv4', ethernetHeader(0x0800)],
    ['IPv4 behind two tags', ethernetHeader(0x0800, { tags: TAGS[2] ?? [] })],
    ['IPv4 behind three tags, which nobody looks behind', ethernetHeader(0x0800, { tags: THREE })],
    ['something else', ethernetHeader(0x88b5)],
  ])('a frame that lacks its checksum only gets it: %s', (_name, header) => {
    const packet = udpPacket({ payload: pattern(33) });
    const frames = cut(framed(asSuper(packet, 0), header));
    expect(frames).toEqual([concat(header, packet)]);
    expect(isIntact(frames?.[0]?.subarray(header.length) ?? new Uint8Array())).toBe(true);
  });

  test.each<[string, Uint8Array]>([
    ['no IP', ethernetHeader(0x88b5)],
    ['a length for a type', ethernetHeader(0x0026)],
    ['three tags', ethernetHeader(0x0800, { tags: THREE })],
  ])('a super-frame with %s is malformed', (_name, header) => {
    expect(cut(framed(asSuper(tcpPacket({ payload: pattern(900) }), 300), header))).toBeNull();
  });

  test('a super-frame that ends within its tags is malformed', () => {
    const read = framed(asSuper(tcpPacket({ payload: pattern(900) }), 300), ethernetHeader(0x8100));
    expect(cut(read.subarray(0, VIRTIO_LEN + 17))).toBeNull();
    expect(cut(read.subarray(0, VIRTIO_LEN + 16))).toBeNull();
  });

  test.each([0, 1, 13])('a frame of %i bytes is malformed, and what was begun before is not given', (len) => {
    begin(framed(asSuper(tcpPacket({ payload: pattern(900) }), 300), ethernetHeader(0x0800)));
    expect(cut(concat(virtioHeader(), pattern(len)))).toBeNull();
  });

  test('a frame that does not lie in the memory is malformed', () => {
    expect(segmenter.begin(VIRTIO_LEN - 1, 60)).toBe(0);
    expect(segmenter.next()).toBe(0);
    expect(segmenter.begin(rig.bytes.length - 59, 60)).toBe(0);
    expect(segmenter.next()).toBe(0);
    expect(segmenter.begin(rig.bytes.length - 9, 60)).toBe(0);
  });

  test('the wrapped segmenter still cuts packets', () => {
    cut(framed(asSuper(tcpPacket({ payload: pattern(900) }), 300), ethernetHeader(0x0800)));
    const read = asSuper(tcpPacket({ payload: pattern(900) }), 300);
    expect(rig.cut(read)).toEqual(reference.cut(read));
  });
});
