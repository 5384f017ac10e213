/** Cutting and joining frames allocates nothing per frame. */
import { expect, test } from 'vitest';
import { FrameCoalescer } from '../../../dataplane/path/frame-coalesce.ts';
import { FrameSegmenter } from '../../../dataplane/path/frame-segment.ts';
import { concat, ethernetHeader, framed } from '../../support/frames-of.ts';
import { allocatedPerCall } from '../../support/heap-growth.ts';
import { KINDS, OffloadRig } from '../../support/offload-rig.ts';
import { asSuper, VIRTIO_LEN, virtioHeader } from '../../support/super-packets.ts';
import { pattern, tcpPacket } from '../../support/transport-packets.ts';

const SUPERS = 1_000;
const GSO_SIZE = 1_348;
const PAYLOAD_LEN = 60_660;
const read = asSuper(tcpPacket({ sequence: 0xf000_0000, payload: pattern(PAYLOAD_LEN) }), GSO_SIZE);
/** Addresses and types that are no small integers where they are read as words. */
const header = concat(Uint8Array.of(0xfe, 0xff), ethernetHeader(0x0800).subarray(2));
const tagged = ethernetHeader(0x0800, { tags: [[0x88a8, 5]] });
const SEGMENTS = 2 * Math.ceil(PAYLOAD_LEN / GSO_SIZE) + 1;

test.each(KINDS)('FrameSegmenter and FrameCoalescer around %s allocate less than a byte a frame', (kind) => {
  const rig = new OffloadRig(kind);
  const { bytes, packetAt } = rig;
  const segmenter = new FrameSegmenter(rig.segmenter, rig);
  const coalescer = new FrameCoalescer(rig.coalescer, rig);
  const reads = [framed(read, header), framed(read, tagged), concat(virtioHeader(), tagged, pattern(60))];
  let joined = 0;
  let calls = 0;
  const perCall = allocatedPerCall(SUPERS, () => {
    calls++;
    for (const one of reads) {
      bytes.set(one, packetAt - VIRTIO_LEN);
      segmenter.begin(packetAt, one.length - VIRTIO_LEN);
      for (let len = segmenter.next(); len > 0; len = segmenter.next()) {
        const to = coalescer.nextAt(len);
        bytes.copyWithin(to, segmenter.at, segmenter.at + len);
        if (coalescer.add(len, -1)) while (coalescer.take()) joined += coalescer.packets;
      }
      if (coalescer.flush()) while (coalescer.take()) joined += coalescer.packets;
    }
  });
  expect(joined).toBe(calls * SEGMENTS);
  expect(perCall / SEGMENTS).toBeLessThan(1);
});
