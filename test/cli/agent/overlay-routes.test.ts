/** Announcements between config, containers, control plane and data plane. */
import { describe, expect, test } from 'vitest';
import { OverlayNetwork } from '../../../cli/agent/overlay-network.ts';
import { OverlayRoutes } from '../../../cli/agent/overlay-routes.ts';
import { controlPeer } from '../../../cli/agent/peer-specs.ts';
import { PeerTable } from '../../../cli/agent/peer-table.ts';
import type { NetworkConfig } from '../../../cli/config/types.ts';
import type { Logger } from '../../../cli/logger.ts';
import type { ControlPlane } from '../../../controlplane/control-plane.ts';
import { MAX_ROUTES } from '../../../controlplane/routes/ip-prefix.ts';
import type { RouteSpec } from '../../../dataplane/contract.ts';
import { formatPrefix, type Prefix, parsePrefix } from '../../../dataplane/route/prefix.ts';
import type { WorkerPool } from '../../../dataplane/worker/pool.ts';
import { agentConfig, peerConfig } from './samples.ts';

const VNI = 7;
const ACCEPTED = ['10.88.0.0/16'];

function setUp(changes: Partial<NetworkConfig> = {}) {
  const peers = [2, 3].map((n) =>
    peerConfig(n, { acceptRoutes: ACCEPTED, localIps: ['0.0.0.0/0', '10.77.0.1/32'] }),
  );
  const [config] = agentConfig(peers).networks;
  if (config === undefined) throw new TypeError('the sample has no network');
  const network = new OverlayNetwork({ ...config, device: false, ...changes });
  const table = new PeerTable([network.config]);
  const calls: string[] = [];
  const announced: (readonly [number, string[]])[] = [];
  const warnings: object[] = [];
  const call = (kind: string) => async (slot: number, routes: readonly RouteSpec[]) => {
    calls.push(`${kind} ${slot} ${routes.map(({ dst, src }) => `${dst}<${src}`).join(' ')}`);
  };
  const pool: Pick<WorkerPool, 'addRoutes' | 'removeRoutes'> = {
    addRoutes: call('add'),
    removeRoutes: call('remove'),
  };
  const control: Pick<ControlPlane, 'announce'> = {
    announce: (vni, prefixes) => announced.push([vni, [...prefixes].map((prefix) => formatPrefix(prefix))]),
  };
  const log = {
    warn: (fields: object) => warnings.push(fields),
    error: (fields: object) => warnings.push(fields),
  };
  let follows = 0;
  const routes = new OverlayRoutes({
    network: (vni) => (vni === network.vni ? network : undefined),
    peers: table,
    pool: () => pool as WorkerPool,
    control: () => control as ControlPlane,
    log: log as unknown as Logger,
    onChange: () => {
      follows++;
    },
  });
  const receive = (slot: number, ...prefixes: string[]) => {
    const entry = table.bySlot(slot);
    if (entry === undefined) throw new TypeError(`no slot ${slot}`);
    routes.received(controlPeer(entry), prefixes.map(parsePrefix) as Prefix[]);
  };
  return { routes, network, table, calls, announced, warnings, receive, follows: () => follows };
}

const ADDED = (slot: number, dst: string) => `add ${slot} ${dst}<0.0.0.0/0 ${dst}<10.77.0.1/32`;

describe('OverlayRoutes.received()', () => {
  test('gives queues and host what is taken, with the local_ips of the peer', () => {
    const { calls, receive, network, follows } = setUp();
    receive(1, '10.88.1.0/24', '10.99.0.0/24');
    expect(calls).toEqual([ADDED(1, '10.88.1.0/24')]);
    expect(network.announced.all()).toEqual(['10.88.1.0/24']);
    expect(follows()).toBe(1);
    receive(1, '10.88.1.0/24');
    expect([calls.length, follows()]).toEqual([1, 1]);
  });

  test('takes a route from one peer before another gets it', () => {
    const { calls, receive } = setUp();
    receive(1, '10.88.1.0/24');
    receive(2, '10.88.1.0/24');
    calls.length = 0;
    receive(1);
    expect(calls).toEqual([ADDED(1, '10.88.1.0/24').replace('add', 'remove'), ADDED(2, '10.88.1.0/24')]);
  });

  test('makes them part of what peers are set with, of this config and of the next', () => {
    const { network, table, receive } = setUp();
    receive(1, '10.88.1.0/24');
    const endpoints = { get: () => null } as never;
    const dsts = (next?: NetworkConfig) =>
      network.specs(table, endpoints, next).map(({ routes }) => routes.map(({ dst }) => dst));
    const both = ['10.77.0.2/32', '10.77.0.2/32', '10.88.1.0/24', '10.88.1.0/24'];
    expect(dsts()[0]).toEqual(both);
    expect(dsts(network.config)[0]).toEqual(both);
  });

  test('logs what is refused once a minute for each peer and reason, with a few of them', () => {
    const { warnings, receive } = setUp();
    const many = Array.from({ length: 20 }, (_, n) => `10.99.${n}.0/24`);
    receive(1, ...many);
    receive(1, ...many, '10.99.99.0/24');
    expect(warnings).toEqual([
      { peer: 'peer-2', network: 'icx0', reason: 'not_accepted', routes: 20, first: many.slice(0, 8) },
    ]);
  });

  test('does nothing in an l2 network, and for one that is gone', () => {
    const { routes, calls, receive, table, follows } = setUp({ mode: 'l2' });
    receive(1, '10.88.1.0/24');
    const entry = table.bySlot(1);
    if (entry !== undefined) routes.received({ ...controlPeer(entry), vni: 99 }, []);
    expect([calls, follows()]).toEqual([[], 0]);
  });
});

describe('OverlayRoutes.announce()', () => {
  test('tells peers all that is behind this host, by config and by containers', () => {
    const { routes, announced } = setUp({ announce: ['10.88.1.0/24'] });
    routes.announce(VNI, ['10.88.2.3', '10.88.1.0/24']);
    routes.announce(VNI, []);
    expect(announced).toEqual([
      [VNI, ['10.88.1.0/24', '10.88.2.3/32']],
      [VNI, ['10.88.1.0/24']],
    ]);
  });

  test('takes back what a peer announced of it', () => {
    const { routes, calls, receive } = setUp();
    receive(1, '10.88.2.3/32');
    routes.announce(VNI, ['10.88.2.0/24']);
    expect(calls.at(-1)).toMatch(/^remove 1 10\.88\.2\.3/);
    routes.announce(VNI, []);
    expect(calls.at(-1)).toBe(ADDED(1, '10.88.2.3/32'));
  });

  test('refuses what is no prefix, no network of ours, and more than peers take, with nothing done', () => {
    const { routes, announced } = setUp({ announce: ['10.88.1.0/24'] });
    const most = Array.from({ length: MAX_ROUTES }, (_, n) => `10.89.${n >> 8}.${n & 255}`);
    expect(() => routes.announce(VNI, ['10.88.1.1/24'])).toThrow(RangeError);
    expect(() => routes.announce(99, [])).toThrow('there is no network 99');
    expect(() => routes.announce(VNI, most)).toThrow(
      expect.objectContaining({
        code: 'ERR_ICX_ROUTES',
        message: 'cannot announce 4097 prefixes in network icx0',
      }),
    );
    expect(announced).toEqual([]);
    routes.announce(VNI, most.slice(1));
    expect(announced[0]?.[1]).toHaveLength(MAX_ROUTES);
  });

  test('says nothing in an l2 network', () => {
    const { routes, announced } = setUp({ mode: 'l2' });
    routes.announce(VNI, ['10.88.1.0/24']);
    expect(announced).toEqual([]);
  });
});

describe('OverlayRoutes', () => {
  test('hold() takes back what the next config refuses, and follow() decides anew', () => {
    const { routes, network, calls, receive, announced } = setUp();
    receive(1, '10.88.1.0/24', '10.88.2.0/24');
    const narrow = network.config.peers.map((peer) => ({ ...peer, acceptRoutes: ['10.88.1.0/24'] }));
    const next = { ...network.config, peers: narrow, announce: ['10.90.0.0/16'] };
    calls.length = 0;
    routes.hold(network, next);
    expect(calls).toEqual([ADDED(1, '10.88.2.0/24').replace('add', 'remove')]);
    receive(2, '10.88.1.0/25');
    expect(calls).toHaveLength(1);
    network.config = next;
    routes.follow(network);
    expect(calls.slice(1)).toEqual([ADDED(2, '10.88.1.0/25')]);
    expect(announced).toEqual([[VNI, ['10.90.0.0/16']]]);
  });

  test('follow() tells no more than peers would take, and says so', () => {
    const announce = Array.from({ length: MAX_ROUTES }, (_, n) => `10.89.${n >> 8}.${n & 255}/32`);
    const { routes, network, announced, warnings } = setUp();
    routes.announce(VNI, ['10.88.2.3']);
    network.config = { ...network.config, announce };
    routes.follow(network);
    expect(announced).toHaveLength(1);
    expect(warnings).toEqual(['cannot announce 4097 prefixes in network icx0']);
  });

  test('forget() of a peer gives its routes to others', () => {
    const { routes, network, calls, receive } = setUp();
    receive(1, '10.88.1.0/24');
    receive(2, '10.88.1.0/24');
    routes.forget(1);
    expect(calls.at(-1)).toBe(ADDED(2, '10.88.1.0/24'));
    expect(network.announced.summary(1)).toEqual({ accepted: [], refused: 0 });
    routes.forget(9);
  });

  test('forgetNetwork() withdraws everything', () => {
    const { routes, announced } = setUp();
    routes.announce(VNI, ['10.88.2.3']);
    routes.forgetNetwork(VNI);
    expect(announced.at(-1)).toEqual([VNI, []]);
  });
});
