/** What a reload changes, in which order. Both planes are stand-ins: the real ones are in test/e2e. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { AgentService } from '../../../cli/agent/agent-service.ts';
import { Overlay } from '../../../cli/agent/overlay.ts';
import { controlPeer } from '../../../cli/agent/peer-specs.ts';
import { UndoStack } from '../../../cli/agent/undo-stack.ts';
import type { Config, NetworkConfig } from '../../../cli/config/types.ts';
import type { PeerEvents } from '../../../controlplane/control-peer.ts';
import { ControlPlane } from '../../../controlplane/control-plane.ts';
import type { PeerSpec, RouteSpec } from '../../../dataplane/contract.ts';
import { parsePrefix } from '../../../dataplane/route/prefix.ts';
import { WorkerPool } from '../../../dataplane/worker/pool.ts';
import type { NetworkOptions } from '../../../dataplane/worker/pool-network.ts';
import { agentConfig, peerConfig } from './samples.ts';
import { FakeSwitches, switchedNetwork, unixPort } from './switched.ts';

vi.mock('../../../cli/host/route-watch.ts', () => ({ watchUnderlay: async () => ({ close() {} }) }));
vi.mock('../../../cli/host/underlay-mtu.ts', async (original) => ({
  ...(await original<typeof import('../../../cli/host/underlay-mtu.ts')>()),
  underlayRoutes: async () => [],
}));
vi.mock('../../../cli/host/interface.ts', async (original) => ({
  ...(await original<typeof import('../../../cli/host/interface.ts')>()),
  removeStaleRules: async () => 0,
}));

let room: string;
let switches: FakeSwitches;
let told: string[];
/** VNI and number of prefixes. */
let announced: [number, number][];
let events: PeerEvents;
let overlay: Overlay;
let undo: UndoStack;
/** Before an overlay added its own. */
let exitListeners: readonly NodeJS.ExitListener[];

/** A data plane that notes what it is told; ports are real. */
function fakePool(): WorkerPool {
  return {
    warning: null,
    fault: null,
    counters: [],
    sourcePorts: [6_081],
    network: (vni: number) => switches.network(vni),
    addNetwork: async ({ vni }: NetworkOptions) => {
      told.push(`addNetwork ${vni}`);
      switches.add(vni);
    },
    removeNetwork: async (vni: number) => {
      told.push(`removeNetwork ${vni}`);
      switches.remove(vni);
    },
    setPeers: async (specs: readonly PeerSpec[]) => {
      for (const { slot, vni } of specs) told.push(`setPeer ${slot} of ${vni}`);
    },
    removePeer: async (slot: number) => void told.push(`removePeer ${slot}`),
    addRoutes: async (slot: number, [route]: RouteSpec[]) => void told.push(`${slot} gets ${route?.dst}`),
    removeRoutes: async (slot: number, [route]: RouteSpec[]) => void told.push(`${slot} loses ${route?.dst}`),
    setFragmentation() {},
    close: async () => {},
  } as unknown as WorkerPool;
}

function fakeControl(): ControlPlane {
  return {
    addPeer: ({ slot }: { slot: number }) => told.push(`dial ${slot}`),
    changePeer: async () => {},
    removePeer: async (slot: number) => void told.push(`hang up ${slot}`),
    announce: (vni: number, prefixes: readonly unknown[]) => announced.push([vni, prefixes.length]),
    sendPath() {},
    close: async () => {},
  } as unknown as ControlPlane;
}

const configOf = (...networks: NetworkConfig[]): Config => ({ ...agentConfig([]), networks });
const port = (name: string, path = name) => unixPort(name, join(room, path));

async function open(config: Config): Promise<void> {
  const service = { config, log: pino({ enabled: false }), identity: {} };
  for (const { vni } of config.networks) switches.add(vni);
  overlay = await Overlay.open(service as unknown as AgentService, undo);
  told = [];
}

beforeEach(() => {
  room = mkdtempSync(join(tmpdir(), 'icx-overlay-'));
  switches = new FakeSwitches();
  undo = new UndoStack();
  told = [];
  announced = [];
  exitListeners = process.listeners('exit');
  vi.spyOn(WorkerPool, 'open').mockImplementation(async () => fakePool());
  vi.spyOn(ControlPlane, 'start').mockImplementation(async (options) => {
    events = options.events ?? {};
    return fakeControl();
  });
});
afterEach(() => {
  for (const listener of process.listeners('exit')) {
    if (!exitListeners.includes(listener)) process.removeListener('exit', listener);
  }
  vi.restoreAllMocks();
  switches.close();
  rmSync(room, { recursive: true });
});

const portsOf = (vni: number) =>
  switches
    .network(vni)
    ?.switch?.ports()
    .map(({ name }) => name);

describe('Overlay.apply()', () => {
  test('moves sockets between networks, forth and back and crosswise', async () => {
    await open(configOf(switchedNetwork(7, [port('a')]), switchedNetwork(8, [port('b')])));
    await overlay.apply(configOf(switchedNetwork(7, [port('a', 'b')]), switchedNetwork(8, [port('b', 'a')])));
    expect([portsOf(7), portsOf(8)]).toEqual([['a'], ['b']]);
    await overlay.apply(configOf(switchedNetwork(7), switchedNetwork(8, [port('c', 'b'), port('d', 'a')])));
    expect([portsOf(7), portsOf(8)]).toEqual([[], ['c', 'd']]);
    await overlay.apply(configOf(switchedNetwork(7, [port('c', 'b'), port('d', 'a')]), switchedNetwork(8)));
    expect([portsOf(7), portsOf(8)]).toEqual([['c', 'd'], []]);
    expect(readdirSync(room).sort()).toEqual(['a', 'b']);
  });

  test('moves a socket from a network that goes to one that comes', async () => {
    await open(configOf(switchedNetwork(7, [port('a')])));
    await overlay.apply(configOf(switchedNetwork(8, [port('a')])));
    expect([portsOf(7), portsOf(8)]).toEqual([undefined, ['a']]);
    expect(overlay.networks().map(({ vni }) => vni)).toEqual([8]);
    expect(told).toEqual([
      'hang up 1',
      'removePeer 1',
      'removeNetwork 7',
      'addNetwork 8',
      'setPeer 2 of 8',
      'dial 2',
      // Once more with the MTU that was measured.
      'setPeer 2 of 8',
    ]);
  });

  test('makes a network of another name anew, and touches no other', async () => {
    await open(configOf(switchedNetwork(7, [port('a')]), switchedNetwork(8, [port('b')])));
    switches.changes();
    const renamed = switchedNetwork(7, [port('a')], { name: 'other' });
    await overlay.apply(configOf(renamed, switchedNetwork(8, [port('b')])));
    expect(told.filter((each) => each.includes('etwork'))).toEqual(['removeNetwork 7', 'addNetwork 7']);
    expect(switches.changes()).toEqual(['addPort 7']);
  });

  test('leaves peers that stay, and hangs up on those that go', async () => {
    const members = (...numbers: number[]) => numbers.map((number) => peerConfig(number));
    await open(configOf(switchedNetwork(7, [], {}, members(2, 3))));
    await overlay.apply(configOf(switchedNetwork(7, [], {}, members(3, 4))));
    expect(told.filter((each) => /^(hang|remove|dial)/.test(each))).toEqual([
      'hang up 1',
      'removePeer 1',
      'dial 3',
    ]);
    expect(overlay.peers.of(7).map(({ slot, config }) => [slot, config.name])).toEqual([
      [2, 'peer-3'],
      [3, 'peer-4'],
    ]);
  });

  test('goes on after a failure from what is in force', async () => {
    await open(configOf(switchedNetwork(7, [port('a')])));
    const missing = { type: 'interface', name: 'eth', device: 'nosuchdev', maxStations: null } as const;
    const next = configOf(switchedNetwork(7, [port('a', 'b'), missing, port('c')]));
    await expect(overlay.apply(next)).rejects.toMatchObject({ code: 'ENODEV' });
    expect(portsOf(7)).toEqual(['a']);
    await overlay.apply(configOf(switchedNetwork(7, [port('a', 'b'), port('c')])));
    expect(portsOf(7)).toEqual(['a', 'c']);
  });
});

describe('Overlay', () => {
  const routed = (peers: NetworkConfig['peers'], announce: readonly string[] = []) =>
    configOf(switchedNetwork(7, [], { mode: 'l3', switch: null, announce }, peers));
  const accepting = peerConfig(2, { acceptRoutes: ['10.88.0.0/16'] });

  function hear(...prefixes: string[]): void {
    const [entry] = overlay.peers.entries();
    if (entry === undefined) throw new TypeError('no peer');
    events.onRoutes?.(controlPeer(entry), prefixes.map(parsePrefix));
  }

  test('announces what the config says from the start, what it says later, and what containers have', async () => {
    await open(routed([accepting], ['10.89.0.0/24']));
    overlay.announce(7, ['10.89.1.1', '10.89.1.2']);
    await overlay.apply(routed([accepting], ['10.89.0.0/24', '10.89.9.0/24']));
    expect(announced).toEqual([
      [7, 1],
      [7, 3],
      [7, 4],
    ]);
  });

  test('takes an announced route back before the config gives it to another peer', async () => {
    await open(routed([accepting, peerConfig(3)]));
    hear('10.88.1.0/24', '10.88.2.0/24');
    expect(told).toEqual(['1 gets 10.88.1.0/24']);
    told = [];
    await overlay.apply(routed([accepting, peerConfig(3, { allowedIps: ['10.88.1.0/24'] })]));
    expect(told[0]).toBe('1 loses 10.88.1.0/24');
    expect(overlay.network(7).announced.accepted(1)).toEqual(['10.88.2.0/24']);
    told = [];
    await overlay.apply(routed([accepting, peerConfig(3)]));
    expect(told.findLast((each) => /gets|loses/.test(each))).toBe('1 gets 10.88.1.0/24');
  });

  test('forgets what a peer announced that is removed', async () => {
    await open(routed([accepting]));
    hear('10.88.1.0/24');
    await overlay.apply(routed([]));
    // Another peer may get its slot.
    expect(overlay.network(7).announced.summary(1)).toEqual({ accepted: [], refused: 0 });
  });
});
