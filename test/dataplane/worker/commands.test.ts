/** What a worker does for the main thread, on a real engine and without a thread. */
import { describe, expect, test, vi } from 'vitest';
import { parseEndpoint } from '../../../dataplane/wire/endpoint.ts';
import { Commands } from '../../../dataplane/worker/commands.ts';
import type { WorkerCommand, WorkerProgress } from '../../../dataplane/worker/messages.ts';
import type { QueueLoop } from '../../../dataplane/worker/queue-loop.ts';
import { QueueNetworks } from '../../../dataplane/worker/queue-networks.ts';
import { connectedHosts, Host, KEY_B, NOW, peerSpec, saSpec, VNI } from '../path/host.ts';
import { ipPacket } from '../path/packets.ts';

const PACKET = ipPacket({ src: '10.77.0.1', dst: '10.77.0.2' });

const TO_88 = ipPacket({ src: '10.77.0.1', dst: '10.88.0.9' });
const host88 = { dst: '10.88.0.9/32', src: '0.0.0.0/0' };

function setUp(host: Host = connectedHosts().a) {
  const sendKeepalive = vi.fn();
  const loop = { sendKeepalive } as unknown as QueueLoop;
  const commands = new Commands(host.engine, loop, new QueueNetworks(host.engine, loop, 100, () => {}));
  return { host, sendKeepalive, apply: (command: WorkerCommand) => commands.apply(command, NOW) };
}

function emptyHost(): Host {
  const host = new Host();
  host.engine.addNetwork(VNI);
  return host;
}

describe('Commands.apply()', () => {
  test('sets and removes peers', () => {
    const { host, apply } = setUp(emptyHost());
    expect(apply({ kind: 'setPeers', peers: [peerSpec(), peerSpec({ slot: 2, routes: [] })] })).toBeNull();
    expect([...host.engine.peers()].map(({ slot }) => slot)).toEqual([1, 2]);
    apply({ kind: 'removePeer', slot: 1 });
    expect([...host.engine.peers()].map(({ slot }) => slot)).toEqual([2]);
  });

  test('addRoutes and removeRoutes change some of the routes of a peer', () => {
    const { host, apply } = setUp();
    const routes = [host88, { dst: 'fd88::/64', src: '::/0' }];
    apply({ kind: 'addRoutes', slot: 1, routes });
    apply({ kind: 'addRoutes', slot: 1, routes });
    expect(host.encap(TO_88)).toBeInstanceOf(Uint8Array);
    expect(host.encap(PACKET)).toBeInstanceOf(Uint8Array);
    apply({ kind: 'removeRoutes', slot: 1, routes: [host88, { dst: '10.99.0.0/16', src: '0.0.0.0/0' }] });
    expect(host.encap(TO_88)).toBeTypeOf('number');
    expect(host.encap(PACKET)).toBeInstanceOf(Uint8Array);
  });

  test('addRoutes adds all of them or none', () => {
    const { host, apply } = setUp();
    const taken = { dst: '10.99.0.0/16', src: '0.0.0.0/0' };
    apply({ kind: 'setPeers', peers: [peerSpec({ slot: 2, routes: [taken] })] });
    apply({ kind: 'addRoutes', slot: 1, routes: [] });
    const own = { dst: '10.77.0.2/32', src: '0.0.0.0/0' };
    expect(() => apply({ kind: 'addRoutes', slot: 1, routes: [own, host88, taken] })).toThrow(
      expect.objectContaining({ code: 'ERR_ICX_ROUTE_COLLISION' }),
    );
    expect(host.encap(TO_88)).toBeTypeOf('number');
    // What the peer had before stays.
    expect(host.encap(PACKET)).toBeInstanceOf(Uint8Array);
    expect(() => apply({ kind: 'addRoutes', slot: 3, routes: [host88] })).toThrow('No peer has slot 3');
  });

  test('installs, retires and removes SAs', () => {
    const { host, apply } = setUp(emptyHost());
    apply({ kind: 'setPeers', peers: [peerSpec()] });
    apply({ kind: 'installRx', sas: [saSpec({ spi: 5 }), saSpec({ spi: 6, key: KEY_B })] });
    expect(host.engine.rxProgress(1).map(({ spi }) => spi)).toEqual([5, 6]);
    apply({ kind: 'retireRx', spis: [5, 99], graceMs: 100 });
    host.engine.sweep(NOW + 101);
    expect(host.engine.rxProgress(1).map(({ spi }) => spi)).toEqual([6]);
    apply({ kind: 'removeRx', spis: [6, 99] });
    expect(host.engine.rxProgress(1)).toEqual([]);
    apply({ kind: 'installTx', sas: [saSpec({ spi: 7 })] });
    expect(host.engine.txProgress(1)?.spi).toBe(7);
    apply({ kind: 'removeTx', slot: 1 });
    expect(host.engine.txProgress(1)).toBeNull();
  });

  test.each(['installRx', 'installTx'] as const)('%s overwrites its keys', (kind) => {
    const { apply } = setUp(emptyHost());
    apply({ kind: 'setPeers', peers: [peerSpec()] });
    const sa = saSpec({ spi: 5 });
    apply({ kind, sas: [sa] });
    expect(sa.key).toEqual(new Uint8Array(16));
  });

  test.each(['installRx', 'installTx'] as const)(
    '%s overwrites the keys behind one that is refused',
    (kind) => {
      const { apply } = setUp(emptyHost());
      apply({ kind: 'setPeers', peers: [peerSpec()] });
      const sas = [saSpec({ spi: 5 }), saSpec({ spi: 0, key: KEY_B }), saSpec({ spi: 6, key: KEY_B })];
      expect(() => apply({ kind, sas })).toThrow(expect.objectContaining({ code: expect.any(String) }));
      for (const { key } of sas) expect(key).toEqual(new Uint8Array(16));
    },
  );

  test('learnEndpoint tells where frames go from now on; an unknown slot is fine', () => {
    const { host, apply } = setUp();
    const words = parseEndpoint({ address: '2001:db8::7', port: 7_000 });
    apply({ kind: 'learnEndpoint', slot: 1, words });
    apply({ kind: 'learnEndpoint', slot: 9, words });
    host.encap(PACKET);
    expect(host.engine.lastPeer?.endpointWords).toEqual(words);
    words.fill(0);
    expect(host.engine.lastPeer?.endpointWords).not.toEqual(words);
  });

  test('learnEndpoint moves no peer whose source is validated', () => {
    const { host, apply } = setUp();
    apply({ kind: 'setPeers', peers: [peerSpec({ validateSource: true })] });
    const words = parseEndpoint({ address: '2001:db8::7', port: 7_000 });
    apply({ kind: 'learnEndpoint', slot: 1, words });
    host.encap(PACKET);
    expect(host.engine.lastPeer?.endpointWords).not.toEqual(words);
  });

  test('learnEndpoint opens the way to a peer that had none', () => {
    const { b } = connectedHosts();
    const { host, apply } = setUp(b);
    const answer = ipPacket({ src: '10.77.0.2', dst: '10.77.0.1' });
    expect(host.encap(answer)).toBeTypeOf('number');
    apply({
      kind: 'learnEndpoint',
      slot: 1,
      words: parseEndpoint({ address: '192.0.2.1', port: 6_081 }),
    });
    expect(host.encap(answer)).toBeInstanceOf(Uint8Array);
  });

  test('progress has endpoint, receive SAs, the send SA and the one before it', () => {
    const { host, apply } = setUp();
    for (let i = 0; i < 4; i++) host.encap(PACKET);
    apply({ kind: 'installTx', sas: [saSpec({ spi: 9, key: `${KEY_B.slice(2)}77` })] });
    host.encap(PACKET);
    const progress = apply({ kind: 'progress', slot: 1 }) as WorkerProgress;
    expect(progress.endpointWords).toEqual(parseEndpoint({ address: '192.0.2.2', port: 6_081 }));
    expect(progress.rx.map(({ spi }) => spi)).toEqual([0x4000_0001]);
    expect(progress.tx).toMatchObject([
      { spi: 9, packets: 1 },
      { spi: 1, packets: 4 },
    ]);
  });

  test('progress of a slot that nobody has is empty, also of what was there before', () => {
    const { apply } = setUp();
    apply({ kind: 'installTx', sas: [saSpec({ spi: 9, key: `${KEY_B.slice(2)}77` })] });
    apply({ kind: 'removePeer', slot: 1 });
    expect(apply({ kind: 'progress', slot: 1 })).toEqual({ endpointWords: null, rx: [], tx: [] });
    apply({ kind: 'setPeers', peers: [peerSpec({ endpoint: null })] });
    expect(apply({ kind: 'progress', slot: 1 })).toEqual({ endpointWords: null, rx: [], tx: [] });
  });

  test('sendKeepalive goes to the loop', () => {
    const { apply, sendKeepalive } = setUp();
    apply({ kind: 'sendKeepalive', slot: 1 });
    expect(sendKeepalive).toHaveBeenCalledExactlyOnceWith(1, NOW);
  });

  test('a refused SA leaves the one in use', () => {
    const { host, apply } = setUp();
    expect(() => apply({ kind: 'installTx', sas: [saSpec({ spi: 0, key: KEY_B })] })).toThrow();
    expect(host.engine.txProgress(1)?.spi).toBe(1);
    expect((apply({ kind: 'progress', slot: 1 }) as WorkerProgress).tx).toHaveLength(1);
  });
});
