/** Cutting and joining allocate nothing per packet. */
import { expect, test } from 'vitest';
import { allocatedPerCall } from '../../support/heap-growth.ts';
import { KINDS, OffloadRig } from '../../support/offload-rig.ts';
import { asSuper, VIRTIO_LEN } from '../../support/super-packets.ts';
import { pattern, tcpPacket, udpPacket } from '../../support/transport-packets.ts';

const SUPERS = 1_000;
const GSO_SIZE = 1_348;
/** A sequence number beyond 2^31: a number that V8 would box if it were stored carelessly. */
const tcp = asSuper(tcpPacket({ sequence: 0xf000_0000, payload: pattern(60_660) }), GSO_SIZE);
const udp = asSuper(udpPacket({ src: 'fd88::1', dst: 'fd88::2', payload: pattern(60_660) }), GSO_SIZE);
const SEGMENTS = 2 * Math.ceil(60_660 / GSO_SIZE);

test.each(KINDS)('Segmenter and Coalescer in %s allocate less than a byte a packet', (kind) => {
  const rig = new OffloadRig(kind);
  const { segmenter, coalescer, bytes, packetAt } = rig;
  const lanes = [...Array(2).keys()].map((i) => packetAt + i * 70_000);
  let joined = 0;
  let calls = 0;
  const pass = (read: Uint8Array, at: number) => {
    bytes.set(read, at - VIRTIO_LEN);
    segmenter.begin(at, read.length - VIRTIO_LEN);
    for (let len = segmenter.next(); len > 0; len = segmenter.next()) {
      const to = coalescer.nextAt(len);
      bytes.copyWithin(to, segmenter.at, segmenter.at + len);
      if (coalescer.add(len, 1)) while (coalescer.take()) joined += coalescer.packets;
    }
    if (coalescer.flush()) while (coalescer.take()) joined += coalescer.packets;
  };
  const perCall = allocatedPerCall(SUPERS, () => {
    calls++;
    pass(tcp, lanes[0] ?? 0);
    pass(udp, lanes[1] ?? 0);
  });
  expect(joined).toBe(calls * SEGMENTS);
  expect(perCall / SEGMENTS).toBeLessThan(1);
});
