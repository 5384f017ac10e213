/** Super-packets through the engine: selected once, sealed and counted as the packets they stand for. */
import { describe, expect, test } from 'vitest';
import { CounterBlock } from '../../../dataplane/path/counters.ts';
import { DropCode } from '../../../dataplane/path/drop.ts';
import { PlainSegmenter } from '../../../dataplane/path/segment.ts';
import { asSuper, VIRTIO_LEN } from '../../support/super-packets.ts';
import { pattern, type TcpFields, tcpPacket } from '../../support/transport-packets.ts';
import { connectedHosts, type Host, NOW, peerSpec } from './host.ts';

const PACKET_AT = 4_096;
const FRAME_AT = 80_000;
const FLOW: TcpFields = { src: '10.77.0.1', dst: '10.77.0.2', payload: pattern(2_500) };

/** As the queue's loop does it. @returns The select's result, and the frames. */
function send(host: Host, read: Uint8Array, nowMs = NOW): { fault: number; frames: Uint8Array[] } {
  const segmenter = new PlainSegmenter(host.memory);
  host.memory.bytes.set(read, PACKET_AT - VIRTIO_LEN);
  const count = segmenter.begin(PACKET_AT, read.length - VIRTIO_LEN);
  const frames: Uint8Array[] = [];
  let len = segmenter.next();
  const fault = host.engine.select(segmenter.at, len, count, nowMs);
  for (; fault === 0 && len > 0; len = segmenter.next()) {
    const frameLen = host.engine.seal(segmenter.at, len, FRAME_AT, nowMs);
    if (frameLen > 0) frames.push(host.memory.bytes.slice(FRAME_AT, FRAME_AT + frameLen));
  }
  return { fault, frames };
}

const totals = (host: Host, slot: number) => CounterBlock.sum([host.counters], slot);

describe('Engine.select() and Engine.seal()', () => {
  test('give a frame for each segment, which the peer opens', () => {
    const { a, b } = connectedHosts();
    const { fault, frames } = send(a, asSuper(tcpPacket(FLOW), 1_000));
    expect(fault).toBe(0);
    const opened = frames.map((frame) => b.decap(frame));
    expect(opened.map((packet) => (packet as Uint8Array).length)).toEqual([1_052, 1_052, 552]);
    expect(totals(a, 1)).toMatchObject({ txReceived: 3, txPackets: 3, txBytes: 2_656 });
    expect(a.engine.txProgress(1)?.packets).toBe(3);
    b.expectAccounted();
  });

  test('count a refusal for every segment', () => {
    const { a } = connectedHosts();
    expect(send(a, asSuper(tcpPacket({ ...FLOW, dst: '10.99.0.1' }), 1_000)).fault).toBe(-DropCode.txNoRoute);
    expect(a.dropped(DropCode.txNoRoute, 0)).toBe(3);
    expect(totals(a, 0).txReceived).toBe(3);
  });

  test('take the size of a segment for the path’s, not that of the super-packet', () => {
    const { a } = connectedHosts();
    a.engine.setPeer(peerSpec({ mtuBytes: 1_052 }));
    expect(send(a, asSuper(tcpPacket(FLOW), 1_000)).frames).toHaveLength(3);
    expect(send(a, asSuper(tcpPacket(FLOW), 1_001)).fault).toBe(-DropCode.txTooLarge);
    expect(a.dropped(DropCode.txTooLarge, 1)).toBe(3);
    expect(totals(a, 1)).toMatchObject({ txReceived: 6, txPackets: 3 });
  });

  test('Engine.countMalformed() counts one packet of nobody', () => {
    const { a } = connectedHosts();
    a.engine.countMalformed();
    expect(a.dropped(DropCode.txMalformed, 0)).toBe(1);
    expect(totals(a, 0).txReceived).toBe(1);
  });
});
