/** A network and its switch follow their config: ports, stations, neighbours, over reloads and failures. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { NetworkPorts } from '../../../cli/agent/network-ports.ts';
import { NetworkSwitch, portId } from '../../../cli/agent/network-switch.ts';
import type { PeerEntry } from '../../../cli/agent/peer-table.ts';
import type { NetworkConfig, PortConfig } from '../../../cli/config/types.ts';
import type { WorkerCommand } from '../../../dataplane/worker/messages.ts';
import { ANYWHERE } from '../../../dataplane/worker/messages.ts';
import type { PoolSwitch } from '../../../dataplane/worker/pool-switch.ts';
import { WorkerError } from '../../../dataplane/worker/queue-thread.ts';
import { peerConfig } from './samples.ts';
import { FakeSwitches, switchedNetwork, unixPort } from './switched.ts';

const VNI = 7;
const MAC = '02:00:00:00:00:01';
const OTHER_MAC = '02:00:00:00:00:02';
const PEERS: readonly PeerEntry[] = [{ slot: 3, vni: VNI, config: peerConfig(2) }];

let room: string;
let switches: FakeSwitches;
let own: PoolSwitch;
let ports: NetworkPorts;
let follower: NetworkSwitch;

beforeEach(() => {
  room = mkdtempSync(join(tmpdir(), 'icx-network-switch-'));
  switches = new FakeSwitches();
  own = switches.add(VNI);
  ports = new NetworkPorts();
  follower = new NetworkSwitch();
});
afterEach(() => {
  switches.close();
  expect(readdirSync(room)).toEqual([]);
  rmSync(room, { recursive: true });
});

const port = (name: string, path = name, maxStations: number | null = null) =>
  unixPort(name, join(room, path), { maxStations });
const apply = async (wanted: readonly PortConfig[], overrides: Partial<NetworkConfig> = {}) => {
  await ports.apply(own, wanted, 1_406);
  await follower.apply(own, switchedNetwork(VNI, wanted, overrides), PEERS);
};
const names = () => own.ports().map(({ name }) => name);
const withStations = (...stations: { mac: string; port: string | null; peer: string | null }[]) => {
  const { switch: settings } = switchedNetwork(VNI);
  return settings === null ? {} : { switch: { ...settings, stations } };
};
const said = (kind: WorkerCommand['kind']) =>
  switches.asked.splice(0).filter((command) => command.kind === kind);

describe('NetworkPorts.apply()', () => {
  test('adds ports once, and touches none that is as before', async () => {
    await apply([port('a'), port('b')]);
    expect(names()).toEqual(['a', 'b']);
    switches.changes();
    await apply([port('b'), port('a')]);
    expect(switches.changes()).toEqual([]);
  });

  test('removes, changes and adds ports', async () => {
    await apply([port('a'), port('b')]);
    const kept = own.portId('b');
    await apply([port('b'), port('c')]);
    expect(names()).toEqual(['b', 'c']);
    expect(own.portId('b')).toBe(kept);
    await apply([port('b', 'b', 9), port('c')]);
    expect(own.portId('b')).not.toBe(kept);
    expect(readdirSync(room).sort()).toEqual(['b', 'c']);
    await apply([]);
    expect(names()).toEqual([]);
  });

  test('gives a port another name, and two ports each other’s sockets', async () => {
    await apply([port('a', 'x')]);
    await apply([port('b', 'x'), port('c', 'y')]);
    expect(names()).toEqual(['b', 'c']);
    await apply([port('b', 'y'), port('c', 'x')]);
    expect(names()).toEqual(['b', 'c']);
  });

  test('leaves alone what was added by hand', async () => {
    await own.addPort({ ...port('hand'), type: 'unix', mtuBytes: 1_500 });
    await own.addStation(MAC, 1);
    await apply([port('a')]);
    await apply([]);
    expect(names()).toEqual(['hand']);
    expect(own.stationCommands()).toHaveLength(1);
    await own.removePort('hand');
  });

  test('knows what is in force when a port fails, and goes on from there', async () => {
    switches.answer = (command) => {
      if (command.kind === 'addPort' && command.port.kind === 'dgram' && own.ports().length === 1)
        throw new WorkerError('ERR_ICX_DATAPLANE', 'no');
      return null;
    };
    await expect(apply([port('a'), port('b')])).rejects.toMatchObject({ code: 'ERR_ICX_DATAPLANE' });
    expect(names()).toEqual(['a']);
    switches.answer = () => null;
    switches.changes();
    await apply([port('a'), port('b')]);
    expect(names()).toEqual(['a', 'b']);
    expect(switches.changes()).toEqual([`addPort ${VNI}`]);
  });
});

describe('NetworkSwitch.apply()', () => {
  test('binds stations again to a port that came anew, and unbinds those that went', async () => {
    const own1 = { mac: MAC, port: 'a', peer: null };
    const own2 = { mac: OTHER_MAC, port: null, peer: 'peer-2' };
    await apply([port('a')], withStations(own1, own2));
    expect(own.stationCommands()).toMatchObject([{ port: own.portId('a') }, { port: 3 }]);
    await apply([port('a', 'a2')], withStations(own1, own2));
    expect(own.stationCommands()).toHaveLength(2);
    expect(own.stationCommands()).toMatchObject(
      expect.arrayContaining([expect.objectContaining({ port: own.portId('a') })]),
    );
    await apply([port('a', 'a2')], withStations(own2));
    expect(own.stationCommands()).toMatchObject([{ port: 3 }]);
    await apply([]);
    expect(own.stationCommands()).toEqual([]);
  });

  test('sets neighbours behind a peer, or anywhere', async () => {
    await apply([], {
      neighbours: [
        { ip: '10.0.0.1', mac: MAC, peer: 'peer-2' },
        { ip: 'fd77::1', mac: OTHER_MAC, peer: null },
      ],
    });
    expect(said('setNeighbour')).toMatchObject([
      { neighbour: { port: 3 } },
      { neighbour: { port: ANYWHERE } },
    ]);
    await apply([]);
    expect(said('removeNeighbour')).toHaveLength(2);
    expect(own.stationCommands()).toEqual([]);
  });
});

describe('NetworkPorts.drop()', () => {
  test('removes what the next config has otherwise, and adds nothing', async () => {
    await apply([port('a'), port('b'), port('c')]);
    await ports.drop(own, [port('a'), port('b', 'b2'), port('d')]);
    expect(names()).toEqual(['a']);
    await apply([port('a'), port('b', 'b2'), port('d')]);
    expect(names()).toEqual(['a', 'b', 'd']);
    await apply([]);
  });
});

describe('portId()', () => {
  test('finds ports and peers by name, and names those that there are', async () => {
    await apply([port('a')]);
    expect(portId(own, PEERS, 'a', null)).toBe(own.portId('a'));
    expect(portId(own, PEERS, null, 'peer-2')).toBe(3);
    const code = 'ERR_ICX_NO_PORT';
    const call = (name: string | null, peer: string | null) => () => portId(own, PEERS, name, peer);
    expect(call('b', null)).toThrow(
      expect.objectContaining({ code, message: 'no port b in the network', hint: 'here are a' }),
    );
    expect(call(null, 'b')).toThrow(expect.objectContaining({ code, hint: 'here are peer-2' }));
    expect(() => portId(own, [], null, 'b')).toThrow(expect.objectContaining({ hint: 'there is none' }));
    await apply([]);
  });
});
