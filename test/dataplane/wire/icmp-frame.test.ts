/** Frames that answer too large ones: from the station that was meant, in the same VLAN, or not at all. */
import { describe, expect, test } from 'vitest';
import { MAX_ANSWER_LEN, writePacketTooBig } from '../../../dataplane/wire/icmp.ts';
import { writePacketTooBigFrame } from '../../../dataplane/wire/icmp-frame.ts';
import { concat, ethernetHeader } from '../../support/frames-of.ts';
import { pattern, udpPacket } from '../../support/transport-packets.ts';

const At = { frame: 64, out: 8_192, reference: 16_384 } as const;
const POISON = 0xa5;
const MAX_HEADER_LEN = 22;
const bytes = new Uint8Array(32_768);
const view = new DataView(bytes.buffer);

const v4 = udpPacket({ src: '10.77.0.1', dst: '10.77.0.2', payload: pattern(1_500) });
const v6 = udpPacket({ src: 'fd77::1', dst: 'fd77::2', payload: pattern(1_500) });
type Tags = readonly [number, number][];

function answerTo(frame: Uint8Array, maxFrameLen = 1_400, len = frame.length): Buffer | null {
  bytes.fill(POISON);
  bytes.set(frame, At.frame);
  const answerLen = writePacketTooBigFrame(view, At.frame, len, maxFrameLen, At.out);
  expect(answerLen).toBeLessThanOrEqual(MAX_ANSWER_LEN + MAX_HEADER_LEN);
  expect(bytes[At.out - 1]).toBe(POISON);
  expect(bytes[At.out + answerLen]).toBe(POISON);
  return answerLen === 0 ? null : Buffer.from(bytes.slice(At.out, At.out + answerLen));
}

/** What answers the packet alone. */
function packetAnswer(packet: Uint8Array, mtu: number): Buffer {
  bytes.fill(POISON, At.reference);
  bytes.set(packet, At.reference);
  const outAt = At.reference + 8_192;
  const len = writePacketTooBig(view, At.reference, packet.length, mtu, -1, outAt);
  expect(len).toBeGreaterThan(0);
  return Buffer.from(bytes.slice(outAt, outAt + len));
}

describe('writePacketTooBigFrame()', () => {
  test.each<[string, number, Uint8Array, Tags]>([
    ['IPv4', 0x0800, v4, []],
    ['IPv6', 0x86dd, v6, []],
    ['IPv4 in a VLAN', 0x0800, v4, [[0x8100, 0x6005]]],
    [
      'IPv6 behind two tags',
      0x86dd,
      v6,
      [
        [0x88a8, 0x4007],
        [0x8100, 0x6005],
      ],
    ],
  ])('answers %s with the size that is left behind the header', (_, type, packet, tags) => {
    const answer = answerTo(concat(ethernetHeader(type, { dst: 2, src: 1, tags }), packet));
    const header = ethernetHeader(type, { dst: 1, src: 2, tags });
    const expected = packetAnswer(packet, 1_400 - header.length);
    expect(answer?.toString('hex')).toBe(Buffer.concat([header, expected]).toString('hex'));
  });

  const header = (type: number, tags: Tags = []) => ethernetHeader(type, { tags });
  test.each<[string, Uint8Array, number?, number?]>([
    ['to a group', concat(header(0x0800).fill(0xff, 0, 6), v4)],
    ['of no IP', concat(header(0x0806), v4)],
    ['whose type is another', concat(header(0x86dd), v4)],
    [
      'behind three tags',
      concat(
        header(0x0800, [
          [0x8100, 1],
          [0x8100, 2],
          [0x8100, 3],
        ]),
        v4,
      ),
    ],
    ['that ends in its header', header(0x0800), 1_400, 13],
    ['that ends in its tags', concat(header(0x0800, [[0x8100, 5]]), v4), 1_400, 16],
    ['that ends in its packet', concat(header(0x0800), v4), 1_400, 500],
    ['for which IPv6 has too little room', concat(header(0x86dd), v6), 1_280 + 13],
  ])('answers no frame %s', (_, frame, maxFrameLen, len) => {
    expect(answerTo(frame, maxFrameLen, len)).toBeNull();
  });
});
