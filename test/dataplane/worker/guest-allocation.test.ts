/** What a guest's packets leave on the heap, by each way that they go. */
import { describe, expect, test } from 'vitest';
import type { UdpSender } from '../../../dataplane/port/udp-sender.ts';
import { arpFrame } from '../l2/neighbour-frames.ts';
import { NOW } from '../path/host.ts';
import { allocatedPerCall } from '../wire/allocation.ts';
import { A4, A6, B4, B6, forwarded, frameOf, GuestRig, hex4, MAC_A, packet, twoGuests } from './guest-rig.ts';

/** With a fraction, as clocks have it. */
const NOW_MS = NOW + 0.25;

describe('GuestRouter.take() allocates nothing for', () => {
  const rig = new GuestRig();
  const { a, b } = twoGuests(rig);
  // Ports and sender that keep nothing.
  for (const { port } of [a, b]) port.transmit = (_, len) => port.counts.sent(len, true);
  (rig.parts as { sender: UdpSender }).sender.commit = () => {};
  const { arena, readAt } = rig.parts;
  const frameAt = readAt - 14;

  test.each([
    ['an IPv4 packet to a guest', frameOf(packet(A4, B4))],
    ['an IPv6 packet to a guest', frameOf(packet(A6, B6))],
    ['a forged one', frameOf(packet(B4, A4))],
    ['one to nobody', frameOf(packet(A4, '10.99.0.1'))],
    ['a multicast', frameOf(packet(A6, 'ff02::1'))],
    ['an ARP request', arpFrame({ from: MAC_A, senderIp: hex4(A4), targetIp: hex4(B4) })],
  ])('%s', (_, text) => {
    const frame = Uint8Array.from(Buffer.from(text, 'hex'));
    const run = () => {
      for (let i = 0; i < frame.length; i++) arena.bytes[frameAt + i] = frame[i] ?? 0;
      rig.link.guests.take(a.guest, frameAt, frame.length, NOW_MS);
    };
    expect(allocatedPerCall(run)).toBeLessThan(1);
  });

  test('measures what it says: a packet arrives', () => {
    expect(forwarded(A4, B4)).toContain(Buffer.from(packet(A4, B4)).toString('hex').slice(40));
    expect(b.port.counts.txFrames).toBeGreaterThan(100_000);
  });
});
