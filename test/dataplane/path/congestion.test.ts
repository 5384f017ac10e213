/** A full queue is told to the sender of a super-packet: marked where it takes marks, in whole checksums. */
import { describe, expect, test } from 'vitest';
import { isBulk, mark } from '../../../dataplane/path/congestion.ts';
import { PlainSegmenter } from '../../../dataplane/path/segment.ts';
import { asSuper, tcpSegments, VIRTIO_LEN } from '../../support/super-packets.ts';
import { pattern, tcpPacket, udpPacket } from '../../support/transport-packets.ts';

const AT = 4_096;
const V6 = { src: 'fd77::1', dst: 'fd77::2' };
const PAYLOAD = { payload: pattern(3_000) };

function memoryWith(read: Uint8Array) {
  const bytes = new Uint8Array(131_072);
  bytes.set(read, AT - VIRTIO_LEN);
  return { bytes, view: new DataView(bytes.buffer) };
}

function cut(memory: ReturnType<typeof memoryWith>, len: number): Uint8Array[] {
  const segmenter = new PlainSegmenter(memory);
  segmenter.begin(AT, len);
  const packets: Uint8Array[] = [];
  for (let n = segmenter.next(); n > 0; n = segmenter.next()) {
    packets.push(memory.bytes.slice(segmenter.at, segmenter.at + n));
  }
  return packets;
}

describe('isBulk()', () => {
  test.each([
    ['TCP over IPv4 to be cut', asSuper(tcpPacket(PAYLOAD), 1_000), true],
    ['TCP over IPv6 to be cut', asSuper(tcpPacket({ ...V6, ...PAYLOAD }), 1_000), true],
    ['a single TCP packet', asSuper(tcpPacket(), 0), false],
    ['UDP to be cut', asSuper(udpPacket(PAYLOAD), 1_000), false],
  ])('%s: %#', (_, read, expected) => {
    expect(isBulk(memoryWith(read).view, AT)).toBe(expected);
  });
});

describe.each([
  ['IPv4', {}],
  ['IPv6', { ...V6, flowLabel: 0xabcde }],
])('mark() of %s', (_, family) => {
  // The upper six bits are the class of service, the lower two ECN.
  test.each([
    ['ECT(0)', 0xba, 0xbb],
    ['ECT(1)', 0xb9, 0xbb],
    ['marked already', 0xbb, 0xbb],
  ])('%s becomes congestion experienced, in every segment, and nothing else changes', (_, tos, marked) => {
    const packet = tcpPacket({ ...family, ...PAYLOAD, tos });
    const memory = memoryWith(asSuper(packet, 1_000));
    expect(mark(memory.view, AT)).toBe(true);
    const wanted = tcpSegments({ ...family, ...PAYLOAD, tos: marked }, 1_000);
    expect(cut(memory, packet.length)).toEqual(wanted);
  });

  test('leaves a packet alone whose sender takes no marks', () => {
    const memory = memoryWith(asSuper(tcpPacket({ ...family, ...PAYLOAD, tos: 0xb8 }), 1_000));
    const before = memory.bytes.slice();
    expect(mark(memory.view, AT)).toBe(false);
    expect(memory.bytes).toEqual(before);
  });
});
