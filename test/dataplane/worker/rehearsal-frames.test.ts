/** The rehearsal's frames are what a TAP device would give: cut, they are the rehearsal's packets again. */
import { describe, expect, test } from 'vitest';
import { FrameSegmenter } from '../../../dataplane/path/frame-segment.ts';
import { PlainSegmenter } from '../../../dataplane/path/segment.ts';
import {
  MAC_HIGH,
  NEIGHBOURS,
  rehearsalFrames,
  STATIONS,
} from '../../../dataplane/worker/rehearsal-frames.ts';
import { KINDS, rehearsalPackets } from '../../../dataplane/worker/rehearsal-packets.ts';
import { OffloadRig } from '../../support/offload-rig.ts';
import { VIRTIO_LEN } from '../../support/super-packets.ts';
import { arpFrame, bytesOf } from '../l2/neighbour-frames.ts';

const rig = new OffloadRig('TypeScript');
const frames = rehearsalFrames();
const packets = rehearsalPackets();

function cut(segmenter: PlainSegmenter | FrameSegmenter, read: Uint8Array): Buffer[] {
  rig.bytes.set(read, rig.packetAt - VIRTIO_LEN);
  const count = segmenter.begin(rig.packetAt, read.length - VIRTIO_LEN);
  const out: Buffer[] = [];
  for (let len = segmenter.next(); len > 0; len = segmenter.next()) {
    out.push(Buffer.from(rig.bytes.slice(segmenter.at, segmenter.at + len)));
  }
  expect(count).toBe(out.length);
  return out;
}

const cutFrames = (read: Uint8Array) => cut(new FrameSegmenter(rig.segmenter, rig), read);
const mac = (low: number) => `${MAC_HIGH.toString(16).padStart(4, '0')}${low.toString(16).padStart(8, '0')}`;

describe('rehearsalFrames()', () => {
  test.each(packets.map((packet, i) => [i, packet] as const))(
    'number %i is a packet in a frame',
    (i, packet) => {
      const whole = cut(new PlainSegmenter(rig), packet);
      const type = i % 2 === 0 ? '0800' : '86dd';
      const to = STATIONS[KINDS[i >>> 1]?.to ?? 'to'];
      const header = Buffer.from(`${mac(to)}${mac(STATIONS.own)}${type}`, 'hex');
      expect(whole.length).toBeGreaterThan(0);
      expect(cutFrames(frames[i] ?? new Uint8Array())).toEqual(
        whole.map((each) => Buffer.concat([header, each])),
      );
    },
  );

  test('then come a tagged datagram, what is no IP, and questions of ARP', () => {
    const [tagged, other, ...questions] = frames.slice(packets.length).map((each) => cutFrames(each)[0]);
    const [datagram] = cutFrames(frames[4] ?? new Uint8Array());
    expect(tagged?.toString('hex')).toBe(
      `${datagram?.toString('hex', 0, 12)}81000005${datagram?.toString('hex', 12)}`,
    );
    expect(other?.readUInt16BE(12)).toBe(0x88b5);
    const expected = [NEIGHBOURS.known, NEIGHBOURS.nobody].map((ip) =>
      arpFrame({ from: mac(STATIONS.own), senderIp: 'c0000201', targetIp: ip.toString(16) }),
    );
    expect(questions.map((each) => each?.toString('hex', 0, 42))).toEqual(
      expected.map((text) => Buffer.from(bytesOf(text)).toString('hex')),
    );
  });
});
