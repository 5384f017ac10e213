import { describe, expect, test } from 'vitest';
import type { PeerSpec } from '../../../dataplane/contract.ts';
import { PeerTable } from '../../../dataplane/path/peer-table.ts';
import { RouteCollisionError } from '../../../dataplane/route/route-collision-error.ts';
import { formatEndpoint, parseEndpoint, writeEndpoint } from '../../../dataplane/wire/endpoint.ts';
import { peerSpec, VNI } from './host.ts';

const OTHER_ROUTES = [{ dst: '10.77.0.3/32', src: '0.0.0.0/0' }];

function table(): PeerTable {
  const peers = new PeerTable(4);
  peers.addNetwork(VNI);
  return peers;
}

function routesOf(peers: PeerTable, slot: number): number {
  const peer = peers.require(slot);
  return peer.network.routes.routesOf(peer).length;
}

function learn(peers: PeerTable, slot: number, address: string): void {
  const view = new DataView(new ArrayBuffer(32));
  writeEndpoint(view, 0, parseEndpoint({ address, port: 6081 }));
  peers.require(slot).learnEndpoint(view, 0);
}

function endpointOf(peers: PeerTable, slot: number): string | null {
  const peer = peers.require(slot);
  return peer.hasEndpoint ? formatEndpoint(peer.endpointWords).address : null;
}

describe('PeerTable.set()', () => {
  test('adds a peer with its routes and endpoint', () => {
    const peers = table();
    peers.set(peerSpec());
    expect(peers.peer(1)).toMatchObject({ slot: 1, vni: VNI, mtuBytes: 1_400, hasEndpoint: true });
    expect(routesOf(peers, 1)).toBe(2);
    expect([...peers.peers()]).toHaveLength(1);
  });

  const REFUSED: [string, Partial<PeerSpec>, RegExp][] = [
    ['slot 0', { slot: 0 }, /slot 0: expected 1 to 3/],
    ['a slot without counters', { slot: 4 }, /slot 4: expected 1 to 3/],
    ['an unknown network', { vni: 8 }, /network 8 does not exist/],
    ['an MTU of 0', { mtuBytes: 0 }, /mtuBytes 0/],
    ['a control port too high', { controlPort: 65_536 }, /controlPort 65536/],
    ['a rate limit that is no number', { rxRateLimitPps: Number.NaN }, /rxRateLimitPps NaN/],
    ['a negative keepalive interval', { keepaliveMs: -1 }, /keepaliveMs -1/],
    ['a host name as endpoint', { endpoint: { address: 'host-b', port: 6081 } }, /host-b/],
    [
      'host bits in a route',
      { routes: [{ dst: '10.0.0.1/24', src: '0.0.0.0/0' }] },
      /did you mean 10\.0\.0\.0\/24/,
    ],
    ['a route of two families', { routes: [{ dst: '10.0.0.0/24', src: '::/0' }] }, /IPv4/],
  ];

  test.each(REFUSED)('refuses %s and leaves the peer as it was', (_name, overrides, message) => {
    const peers = table();
    peers.set(peerSpec());
    expect(() => peers.set(peerSpec({ routes: OTHER_ROUTES, ...overrides }))).toThrow(message);
    expect(routesOf(peers, 1)).toBe(2);
    expect(peers.require(1).mtuBytes).toBe(1_400);
    expect([...peers.peers()]).toHaveLength(1);
  });

  test('refuses a route that another peer has; neither new nor changed peer takes effect', () => {
    const peers = table();
    peers.set(peerSpec());
    expect(() => peers.set(peerSpec({ slot: 2 }))).toThrow(RouteCollisionError);
    expect(peers.peer(2)).toBeUndefined();
    peers.set(peerSpec({ slot: 2, routes: OTHER_ROUTES }));
    const both = [...OTHER_ROUTES, ...peerSpec().routes];
    expect(() => peers.set(peerSpec({ slot: 2, routes: both, mtuBytes: 900 }))).toThrow(RouteCollisionError);
    expect([routesOf(peers, 2), peers.require(2).mtuBytes]).toEqual([1, 1_400]);
    expect(() => peers.replaceRoutes(2, both)).toThrow(RouteCollisionError);
    expect(routesOf(peers, 2)).toBe(1);
  });

  test('refuses a route whose text is none behind ones that are new, and has none of them then', () => {
    const peers = table();
    peers.set(peerSpec());
    const routes = [...OTHER_ROUTES, { dst: '10.77.0.4/33', src: '0.0.0.0/0' }];
    expect(() => peers.set(peerSpec({ slot: 2, routes }))).toThrow(/10\.77\.0\.4\/33/);
    expect(peers.peer(2)).toBeUndefined();
    peers.set(peerSpec({ slot: 3, routes: OTHER_ROUTES }));
    expect(routesOf(peers, 3)).toBe(1);
  });

  test('refuses to move a peer to another network', () => {
    const peers = table();
    peers.addNetwork(8);
    peers.set(peerSpec());
    expect(() => peers.set(peerSpec({ vni: 8 }))).toThrow(/remove it first/);
    expect(peers.require(1).vni).toBe(VNI);
  });

  test('the same routes may exist in two networks', () => {
    const peers = table();
    peers.addNetwork(8);
    peers.set(peerSpec());
    peers.set(peerSpec({ slot: 2, vni: 8 }));
    expect([routesOf(peers, 1), routesOf(peers, 2)]).toEqual([2, 2]);
  });

  test('keeps a learned endpoint while the configured one is the same', () => {
    const peers = table();
    peers.set(peerSpec());
    learn(peers, 1, '198.51.100.9');
    peers.set(peerSpec({ mtuBytes: 1_300 }));
    expect(endpointOf(peers, 1)).toBe('198.51.100.9');
    peers.set(peerSpec({ endpoint: { address: '192.0.2.77', port: 6081 } }));
    expect(endpointOf(peers, 1)).toBe('192.0.2.77');
    learn(peers, 1, '198.51.100.9');
    peers.set(peerSpec({ endpoint: null }));
    expect(endpointOf(peers, 1)).toBe(null);
    learn(peers, 1, '198.51.100.9');
    peers.set(peerSpec({ endpoint: null, mtuBytes: 1_200 }));
    expect(endpointOf(peers, 1)).toBe('198.51.100.9');
  });

  test('goes back to the configured endpoint when sources are validated from now on', () => {
    const peers = table();
    peers.set(peerSpec());
    learn(peers, 1, '198.51.100.9');
    peers.set(peerSpec({ validateSource: true }));
    expect(endpointOf(peers, 1)).toBe('192.0.2.2');
  });
});

test('PeerTable.set() moves a validating peer to its new address, and lets all in when none validates', () => {
  const peers = table();
  const view = new DataView(new ArrayBuffer(32));
  const admitted = (address: string) => {
    writeEndpoint(view, 0, parseEndpoint({ address, port: 6081 }));
    return peers.network(VNI)?.maySendFrom(view, 0);
  };
  peers.set(peerSpec({ validateSource: true }));
  peers.set(peerSpec({ validateSource: true, endpoint: { address: '192.0.2.77', port: 6081 } }));
  expect([admitted('192.0.2.2'), admitted('192.0.2.77')]).toEqual([false, true]);
  peers.set(peerSpec());
  peers.set(peerSpec({ slot: 2, routes: OTHER_ROUTES, validateSource: true }));
  expect(admitted('198.51.100.1')).toBe(true);
  peers.remove(peers.require(1));
  expect([admitted('198.51.100.1'), admitted('192.0.2.2')]).toEqual([false, true]);
});

describe('PeerTable.addRoute() and removeRoute()', () => {
  const [route = { dst: '', src: '' }] = OTHER_ROUTES;

  test('change one route and say whether they did', () => {
    const peers = table();
    peers.set(peerSpec());
    expect([peers.addRoute(1, route), peers.addRoute(1, route), routesOf(peers, 1)]).toEqual([
      true,
      false,
      3,
    ]);
    expect([peers.removeRoute(1, route), peers.removeRoute(1, route)]).toEqual([true, false]);
    expect(routesOf(peers, 1)).toBe(2);
  });

  test("refuse another peer's route, what is none, and an unknown slot", () => {
    const peers = table();
    peers.set(peerSpec());
    peers.set(peerSpec({ slot: 2, routes: OTHER_ROUTES }));
    expect(() => peers.addRoute(1, route)).toThrow(RouteCollisionError);
    expect(peers.removeRoute(1, route)).toBe(false);
    for (const change of ['addRoute', 'removeRoute'] as const) {
      expect(() => peers[change](1, { ...route, dst: '10.0.0.1/24' })).toThrow(/host bits/);
      expect(() => peers[change](3, route)).toThrow(/slot 3/);
    }
    expect([routesOf(peers, 1), routesOf(peers, 2)]).toEqual([2, 1]);
  });
});

describe('PeerTable', () => {
  test('remove() frees the routes for another peer', () => {
    const peers = table();
    peers.set(peerSpec());
    peers.remove(peers.require(1));
    expect(peers.peer(1)).toBeUndefined();
    peers.set(peerSpec({ slot: 2 }));
    expect(routesOf(peers, 2)).toBe(2);
  });

  test('onlyNetwork is the network while there is exactly one', () => {
    const peers = new PeerTable(4);
    expect(peers.onlyNetwork).toBeUndefined();
    peers.addNetwork(9);
    expect(peers.onlyNetwork?.vni).toBe(9);
    peers.addNetwork(3);
    expect(peers.onlyNetwork).toBeUndefined();
    expect(peers.vnis()).toEqual([3, 9]);
    expect(peers.removeNetwork(9)).toBe(true);
    expect(peers.onlyNetwork?.vni).toBe(3);
    expect(peers.removeNetwork(9)).toBe(false);
    expect(() => peers.addNetwork(3)).toThrow(/exists/);
    expect(() => peers.require(1)).toThrow(RangeError);
  });
});
