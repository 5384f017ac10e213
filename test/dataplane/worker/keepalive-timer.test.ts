/** Who is due a persistent keepalive. */
import { describe, expect, test } from 'vitest';
import type { Engine } from '../../../dataplane/path/engine.ts';
import { KeepaliveTimer } from '../../../dataplane/worker/keepalive-timer.ts';
import { connectedHosts, NOW, peerSpec } from '../path/host.ts';
import { ipPacket } from '../path/packets.ts';

const INTERVAL_MS = 25_000;
const PACKET = ipPacket({ src: '10.77.0.1', dst: '10.77.0.2' });

function setUp(enabled = true) {
  const { a } = connectedHosts();
  a.engine.setPeer(peerSpec({ keepaliveMs: INTERVAL_MS }));
  const timer = new KeepaliveTimer(a.engine, enabled);
  /** Slots that are due, looked at once a second from `fromMs` until `toMs` after the start. */
  const dueBetween = (fromMs: number, toMs: number): [slot: number, atMs: number][] => {
    const due: [number, number][] = [];
    for (let atMs = fromMs; atMs <= toMs; atMs += 1_000) {
      timer.due(NOW + atMs, (slot) => {
        due.push([slot, atMs]);
        a.keepalive(slot, NOW + atMs);
      });
    }
    return due;
  };
  return { a, timer, dueBetween };
}

describe('KeepaliveTimer.due()', () => {
  test('names a quiet peer once an interval', () => {
    const { dueBetween } = setUp();
    expect(dueBetween(0, 75_000)).toEqual([
      [1, 25_000],
      [1, 50_000],
      [1, 75_000],
    ]);
  });

  test('waits a whole interval after a packet', () => {
    const { a, dueBetween } = setUp();
    expect(dueBetween(0, 20_000)).toEqual([]);
    a.encap(PACKET, NOW + 20_500);
    expect(dueBetween(21_000, 45_000)).toEqual([]);
    expect(dueBetween(46_000, 47_000)).toEqual([[1, 46_000]]);
  });

  test('names a peer without send SA again an interval later, not every second', () => {
    const { a, dueBetween } = setUp();
    a.engine.removeTx(1);
    expect(dueBetween(0, 51_000).map(([, atMs]) => atMs)).toEqual([25_000, 50_000]);
  });

  test('leaves peers without interval alone, and takes up a changed one', () => {
    const { a, dueBetween } = setUp();
    a.engine.setPeer(peerSpec({ slot: 2, routes: [] }));
    expect(dueBetween(0, 25_000)).toEqual([[1, 25_000]]);
    a.engine.setPeer(peerSpec({ keepaliveMs: 0 }));
    a.engine.setPeer(peerSpec({ slot: 2, routes: [], keepaliveMs: 5_000 }));
    expect(dueBetween(26_000, 60_000).map(([slot]) => slot)).toEqual(Array(6).fill(2));
  });

  test('gives a new peer in a slot that was used its whole interval', () => {
    const { a, dueBetween } = setUp();
    a.engine.removeTx(1);
    expect(dueBetween(0, 20_000)).toEqual([]);
    a.engine.removePeer(1);
    expect(dueBetween(21_000, 40_000)).toEqual([]);
    a.engine.setPeer(peerSpec({ keepaliveMs: INTERVAL_MS }));
    expect(dueBetween(41_000, 66_000)).toEqual([[1, 66_000]]);
  });

  test('names nobody on the queues that have no part in it', () => {
    const { dueBetween } = setUp(false);
    expect(dueBetween(0, 100_000)).toEqual([]);
  });

  test('looks at every peer of the engine', () => {
    const peers = [1, 2, 3].map((slot) => ({ slot, keepaliveMs: slot === 2 ? 0 : 1_000 }));
    const engine = { peers: () => peers, peer: () => ({}), sentFrames: () => 0 } as unknown as Engine;
    const timer = new KeepaliveTimer(engine, true);
    const due: number[] = [];
    for (const atMs of [0, 1_000]) timer.due(NOW + atMs, (slot) => due.push(slot));
    expect(due).toEqual([1, 3]);
  });
});
