/** Frames from a VXLAN socket: complete ones as they are, TCP that is too long to be cut. */
import { describe, expect, test } from 'vitest';
import { FrameSegmenter } from '../../../dataplane/path/frame-segment.ts';
import { PlainSegmenter } from '../../../dataplane/path/segment.ts';
import { prepareFrame } from '../../../dataplane/port/vxlan-frame.ts';
import { createUpperLayer } from '../../../dataplane/wire/upper-layer.ts';
import * as virtio from '../../../dataplane/wire/virtio-net.ts';
import { ipPacket, Protocol } from '../path/packets.ts';

const AT = 64;
const MTU = 1_300;
const ADDRESSES = {
  4: { src: '10.0.0.1', dst: '10.0.0.2' },
  6: { src: 'fd00::1', dst: 'fd00::2' },
} as const;

/** One's complement sum, slowly. */
function sum(bytes: Uint8Array): number {
  let total = 0;
  for (let i = 0; i < bytes.length; i += 2) total += ((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0);
  while (total > 0xffff) total = (total & 0xffff) + (total >>> 16);
  return total;
}

function pseudo(packet: Uint8Array, isV4: boolean, protocol: number): number {
  const addresses = isV4 ? packet.subarray(12, 20) : packet.subarray(8, 40);
  const length = packet.length - (isV4 ? 20 : 40);
  return sum(Uint8Array.from([...addresses, 0, protocol, length >>> 8, length & 0xff]));
}

function addUp(a: number, b: number): number {
  return ((a + b) & 0xffff) + ((a + b) >>> 16);
}

interface Sent {
  readonly family: 4 | 6;
  readonly payloadLen: number;
  readonly protocol?: number;
  /** What the sender left in the checksum field. */
  readonly checksum?: 'right' | 'undone' | 'wrong';
  readonly tag?: boolean;
  readonly flagsFragment?: number;
}

/** An Ethernet frame with a TCP or UDP packet in it. */
function frame(sent: Sent): Uint8Array {
  const {
    family,
    payloadLen,
    protocol = Protocol.tcp,
    checksum = 'right',
    tag = false,
    flagsFragment = 0,
  } = sent;
  const isTcp = protocol === Protocol.tcp;
  const segment = new Uint8Array((isTcp ? 20 : 8) + payloadLen).map((_, i) => (i * 7) & 0xff);
  const view = new DataView(segment.buffer);
  if (isTcp) view.setUint16(12, 0x5018);
  else view.setUint16(4, segment.length);
  const checksumAt = isTcp ? 16 : 6;
  view.setUint16(checksumAt, 0);
  const packet = ipPacket({ ...ADDRESSES[family], protocol, payload: segment, flagsFragment });
  const packetView = new DataView(packet.buffer);
  const upperAt = family === 4 ? 20 : 40;
  const half = pseudo(packet, family === 4, protocol);
  const right = ~addUp(half, sum(packet.subarray(upperAt))) & 0xffff;
  const value = { right, undone: half, wrong: right ^ 0x0101 }[checksum];
  packetView.setUint16(upperAt + checksumAt, value);
  const type = family === 4 ? [0x08, 0x00] : [0x86, 0xdd];
  return Uint8Array.from([
    ...[2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1],
    ...(tag ? [0x81, 0, 0, 5] : []),
    ...type,
    ...packet,
  ]);
}

/** What leaves: the frames that a segmenter makes of a prepared one. */
function cut(bytes: Uint8Array, mtu = MTU): Uint8Array[] {
  const memory = new Uint8Array(131_072);
  memory.fill(0xa5, 0, AT);
  memory.set(bytes, AT);
  const view = new DataView(memory.buffer);
  prepareFrame(view, AT, bytes.length, mtu, createUpperLayer());
  const segmenter = new FrameSegmenter(new PlainSegmenter({ view, bytes: memory }), { view, bytes: memory });
  const count = segmenter.begin(AT, bytes.length);
  const frames: Uint8Array[] = [];
  for (let len = segmenter.next(); len > 0; len = segmenter.next()) {
    frames.push(memory.slice(segmenter.at, segmenter.at + len));
  }
  expect(frames).toHaveLength(count);
  return frames;
}

describe('prepareFrame()', () => {
  test.each([
    { family: 4, payloadLen: 20_000, checksum: 'undone' },
    { family: 4, payloadLen: 1_448, checksum: 'right' },
    { family: 6, payloadLen: 60_000, checksum: 'undone' },
    { family: 6, payloadLen: 1_281, checksum: 'right', tag: true },
  ] as const)('lets TCP that no path takes be cut, with right checksums: %o', (sent) => {
    const headerLen = 'tag' in sent ? 18 : 14;
    const ipLen = sent.family === 4 ? 20 : 40;
    const frames = cut(frame(sent));
    expect(frames.length).toBe(Math.ceil(sent.payloadLen / (MTU - ipLen - 20)));
    const payload: number[] = [];
    for (const bytes of frames) {
      expect(bytes.length - headerLen).toBeLessThanOrEqual(MTU);
      const packet = bytes.subarray(headerLen);
      const half = pseudo(packet, sent.family === 4, Protocol.tcp);
      expect(addUp(half, sum(packet.subarray(ipLen)))).toBe(0xffff);
      payload.push(...packet.subarray(ipLen + 20));
    }
    expect(payload).toEqual([...frame(sent).subarray(headerLen + ipLen + 20)]);
  });

  test.each([
    ['a wrong checksum, which must not be made right', { family: 4, payloadLen: 2_000, checksum: 'wrong' }],
    ['UDP', { family: 4, payloadLen: 2_000, protocol: Protocol.udp }],
    ['a fragment', { family: 4, payloadLen: 2_000, flagsFragment: 0x2000 }],
    ['a packet of the MTU', { family: 4, payloadLen: MTU - 40 }],
    ['a packet of the MTU behind a tag', { family: 6, payloadLen: MTU - 60, tag: true }],
  ] as const)('gives as it is what has %s', (_, sent) => {
    expect(cut(frame(sent))).toEqual([frame(sent)]);
  });

  test('completes the checksum of a frame that is short enough', () => {
    expect(cut(frame({ family: 4, payloadLen: 500, checksum: 'undone' }))).toEqual([
      frame({ family: 4, payloadLen: 500 }),
    ]);
  });

  test('gives as it is what would be cut to crumbs, and what is no IP', () => {
    expect(cut(frame({ family: 4, payloadLen: 2_000 }), 290)).toHaveLength(1);
    const arp = new Uint8Array(2_000).fill(1);
    expect(cut(arp)).toEqual([arp]);
  });

  test('writes a header over whatever was in front', () => {
    const memory = new Uint8Array(4_096).fill(0xff);
    const view = new DataView(memory.buffer);
    memory.set(frame({ family: 4, payloadLen: 10 }), AT);
    prepareFrame(view, AT, 64, MTU, createUpperLayer());
    expect(virtio.gsoType(view, AT - virtio.HEADER_LEN)).toBe(virtio.GsoType.none);
    expect(virtio.needsChecksum(view, AT - virtio.HEADER_LEN)).toBe(false);
  });
});
