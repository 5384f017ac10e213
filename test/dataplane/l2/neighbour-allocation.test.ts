import { describe, expect, test } from 'vitest';
import { ArpProxy } from '../../../dataplane/l2/arp-proxy.ts';
import { Gateway } from '../../../dataplane/l2/gateway.ts';
import { NdProxy } from '../../../dataplane/l2/nd-proxy.ts';
import { NeighbourCounter } from '../../../dataplane/l2/neighbour-counters.ts';
import { NeighbourTable } from '../../../dataplane/l2/neighbour-table.ts';
import { allocatedPerCall } from '../wire/allocation.ts';
import { arpFrame, bytesOf, naFrame, ndFrame, v4, v6 } from './neighbour-frames.ts';

const LOCAL = 1;
const PEER = 2;
const SLOT_LEN = 256;
const NOW_MS = 1.7e12 + 0.25;

/** Frames in one memory, 256 bytes apart, with room for answers behind them. */
const FRAMES = [
  arpFrame().replace('0806', '0800'),
  ndFrame({ nextHeader: 6 }),
  arpFrame({ from: 'fe000000000b', senderIp: v4(2) }),
  arpFrame({ targetIp: v4(2) }),
  naFrame({ from: 'fe000000000b' }),
  ndFrame(),
  arpFrame({ senderIp: v4(3), targetIp: v4(200), tags: '81000064' }),
  ndFrame({ source: v6(3), target: v6(200), tags: '81000064' }),
].map(bytesOf);
const REPLY_AT = FRAMES.length * SLOT_LEN;
const view = new DataView(new ArrayBuffer(REPLY_AT + SLOT_LEN));
FRAMES.forEach((frame, i) => {
  new Uint8Array(view.buffer).set(frame, i * SLOT_LEN);
});
const Frame = {
  ipv4: 0,
  ipv6: 1,
  announcement: 2,
  request: 3,
  advertisement: 4,
  solicitation: 5,
  routed4: 6,
  routed6: 7,
} as const;

const table = new NeighbourTable({ seed: 0xdead_beef });
table.addPort(LOCAL, false);
table.addPort(PEER, true);
const arpProxy = new ArpProxy(table);
const ndProxy = new NdProxy(table);
const gateway = new Gateway(table, { high: 0x02ff, low: -2 }, () => true);

function frameLen(frame: number): number {
  return FRAMES[frame]?.length ?? 0;
}

function receive(proxy: ArpProxy | NdProxy | Gateway, frame: number, port: number): number {
  return proxy.receive(view, frame * SLOT_LEN, frameLen(frame), port, REPLY_AT, NOW_MS);
}

let sum = 0;

describe('allocation', () => {
  test('looking through other frames allocates nothing', () => {
    const allocated = allocatedPerCall((i) => {
      const frame = i & 1;
      sum +=
        receive(arpProxy, frame, LOCAL) + receive(ndProxy, frame, LOCAL) + receive(gateway, frame, LOCAL);
    });
    expect(allocated).toBeLessThan(1);
    expect(sum).toBe(0);
  });

  test('refreshing an entry allocates nothing', () => {
    const allocated = allocatedPerCall(() => {
      sum += receive(arpProxy, Frame.announcement, PEER) + receive(ndProxy, Frame.advertisement, PEER);
    });
    expect(allocated).toBeLessThan(1);
    expect(sum).toBe(0);
    expect(table.size).toBe(2);
  });

  test('an entry that moves to and fro allocates nothing', () => {
    const allocated = allocatedPerCall((i) => {
      const port = (i & 1) === 0 ? PEER : LOCAL;
      sum += receive(arpProxy, Frame.announcement, port) + receive(ndProxy, Frame.advertisement, port);
    });
    expect(allocated).toBeLessThan(1);
    expect(table.counters[NeighbourCounter.moved]).toBeGreaterThan(1000);
  });

  test('answers allocate nothing', () => {
    receive(arpProxy, Frame.announcement, PEER);
    receive(ndProxy, Frame.advertisement, PEER);
    const lens = [
      receive(arpProxy, Frame.request, LOCAL),
      receive(ndProxy, Frame.solicitation, LOCAL),
      receive(gateway, Frame.routed4, LOCAL),
      receive(gateway, Frame.routed6, LOCAL),
    ];
    expect(lens).toEqual([42, 86, 46, 90]);
    const allocated = allocatedPerCall(() => {
      sum += receive(arpProxy, Frame.request, LOCAL) + receive(ndProxy, Frame.solicitation, LOCAL);
      sum += receive(gateway, Frame.routed4, LOCAL) + receive(gateway, Frame.routed6, LOCAL);
    });
    expect(allocated).toBeLessThan(1);
  });
});
