/** What a frame leaves on the heap on its way through a VXLAN port: nothing. */
import { afterEach, describe, expect, test } from 'vitest';
import type { VxlanPort } from '../../../dataplane/port/vxlan-port.ts';
import { allocatedPerCall } from '../wire/allocation.ts';
import { frameOf, type VxlanRig, VxlanRigs } from './vxlan-rig.ts';

/** Frames between flushes, as in a busy turn. */
const TURN = 32;
const rigs = new VxlanRigs();
afterEach(() => rigs.close());

function pair(): { a: VxlanRig; b: VxlanRig; portA: VxlanPort; portB: VxlanPort } {
  const [a, b] = [rigs.open({ listen: '127.0.0.2' }), rigs.open({ listen: '127.0.0.3' })];
  return {
    a,
    b,
    portA: a.add({ remotes: [{ address: '127.0.0.3', port: b.socket.port }] }),
    portB: b.add({ remotes: [{ address: '127.0.0.2', port: a.socket.port }], learnRemotes: true }),
  };
}

/** Lets counters be as large as they get. */
function age({ counts }: VxlanPort): void {
  counts.rxFrames =
    counts.txFrames =
    counts.rxBytes =
    counts.txBytes =
    counts.rxDropped =
    counts.txDropped =
      2 ** 40;
}

describe('allocation', () => {
  test.each([
    ['to all', 0],
    ['to a known station', 9],
  ])('transmit() %s and receive() allocate nothing', (_, to) => {
    const { a, b, portA, portB } = pair();
    b.send(portB, frameOf(9, 0));
    a.drain();
    expect(portA.stations(0)).toHaveLength(1);
    for (const port of [portA, portB]) age(port);
    a.arena.bytes.set(frameOf(1, to, 1_400), a.sendAt);
    const nowMs = 1e12 + 0.5;
    let frames = 0;
    const allocated = allocatedPerCall((i) => {
      // Frames of several lengths do not merge into one message.
      portA.transmit(a.sendAt, 1_000 + (i & 3));
      if (i % TURN !== TURN - 1) return;
      a.tunnels.flush();
      while (b.tunnels.receive(nowMs) > 0 || b.tunnels.hasMore) frames++;
    });
    while (b.tunnels.receive(nowMs) > 0 || b.tunnels.receive(nowMs) > 0) frames++;
    expect(frames).toBeGreaterThan(400_000);
    expect(portB.counts.rxFrames - 2 ** 40).toBe(frames);
    expect(allocated).toBeLessThan(1);
  });

  test('frames to several VTEPs allocate nothing', () => {
    const a = rigs.open({ listen: '127.0.0.2' });
    const remotes = Array.from({ length: 2 }, (_, i) => ({ address: `127.0.1.${i + 1}`, port: 9 }));
    const port = a.add({ remotes });
    age(port);
    a.arena.bytes.set(frameOf(1, 0, 200), a.sendAt);
    const allocated = allocatedPerCall((i) => {
      port.transmit(a.sendAt, 200);
      if (i % 8 === 7) a.tunnels.flush();
    });
    expect(port.counts.txFrames - 2 ** 40).toBeGreaterThan(2 * 400_000);
    expect(allocated).toBeLessThan(1);
  });

  test('frames that are dropped allocate nothing', () => {
    const { a, b } = pair();
    const port = a.add({ vni: 43, remotes: [{ address: '127.0.0.3', port: b.socket.port }] });
    a.arena.bytes.set(frameOf(1, 0, 200), a.sendAt);
    const allocated = allocatedPerCall((i) => {
      port.transmit(a.sendAt, 200);
      if (i % TURN !== TURN - 1) return;
      a.tunnels.flush();
      b.tunnels.receive(0);
    });
    expect(b.tunnels.drops[2]).toBeGreaterThan(300_000);
    expect(allocated).toBeLessThan(1);
  });
});
