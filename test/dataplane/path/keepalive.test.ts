import { describe, expect, test } from 'vitest';
import { DropCode } from '../../../dataplane/path/drop.ts';
import { connectedHosts, Host, NOW, PEER_ENDPOINT, peerSpec, saSpec, VNI } from './host.ts';

function host(): Host {
  const made = new Host();
  made.engine.addNetwork(VNI);
  return made;
}

describe('Engine.keepalive()', () => {
  test('is a frame without inner packet that the peer counts and delivers nowhere', () => {
    const { a, b } = connectedHosts();
    const frame = a.keepalive(1);
    expect(frame).toHaveLength(48);
    expect(b.decap(frame as Uint8Array)).toHaveLength(0);
    expect(a.engine.sentFrames(1)).toBe(1);
    expect(b.engine.peer(1)?.hasEndpoint).toBe(true);
    expect(b.learned).toEqual([1]);
    a.expectAccounted();
    b.expectAccounted();
  });

  test('a keepalive seen before is a replay', () => {
    const { a, b } = connectedHosts();
    const frame = a.keepalive(1) as Uint8Array;
    b.decap(frame);
    expect(b.decap(frame)).toBe(DropCode.rxReplay);
  });

  test('without peer, SA or endpoint there is none, and no packet is counted as dropped', () => {
    const by = host();
    expect(by.keepalive(1)).toBe(DropCode.txNoRoute);
    by.engine.setPeer(peerSpec({ endpoint: null }));
    expect(by.keepalive(1)).toBe(DropCode.txNoSa);
    by.engine.installTx(saSpec(), NOW);
    expect(by.keepalive(1)).toBe(DropCode.txNoEndpoint);
    by.engine.setPeer(peerSpec({ endpoint: PEER_ENDPOINT }));
    expect(by.keepalive(1, NOW + 3_600_000)).toBe(DropCode.txExpiredSa);
    expect(by.keepalive(1)).toHaveLength(48);
    by.expectAccounted();
  });
});
