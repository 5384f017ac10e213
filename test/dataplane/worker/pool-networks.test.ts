/** Networks on the main thread: who serves them, what makes them, and how many ports they can have. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { NetworkOptions } from '../../../dataplane/worker/pool-network.ts';
import { PoolNetworks } from '../../../dataplane/worker/pool-networks.ts';
import { SWITCH } from './switch-rig.ts';

const SWITCHED: NetworkOptions = { vni: 7, interfaceName: null, switch: SWITCH };
const ROUTED: NetworkOptions = { vni: 8, interfaceName: null, switch: null };

let room: string;
beforeEach(() => {
  room = mkdtempSync(join(tmpdir(), 'icx-pool-networks-'));
});
afterEach(() => {
  expect(readdirSync(room)).toEqual([]);
  rmSync(room, { recursive: true });
});

const make = (queues: number, firstLocal = 5) =>
  new PoolNetworks(queues, firstLocal, async () => null as never);
const unix = (name: string) => ({
  type: 'unix' as const,
  name,
  path: join(room, name),
  remote: null,
  mode: 0o600,
  mtuBytes: 1_500,
  maxStations: null,
  addresses: [],
});

describe('PoolNetworks', () => {
  test('gives a switch, and routes without an interface, to one queue', () => {
    const networks = make(3);
    networks.open(SWITCHED);
    networks.open(ROUTED);
    expect(networks.lanesOf(7)).toEqual({ lanes: 1, queues: 3, queue: 0 });
    expect(networks.lanesOf(8)).toEqual({ lanes: 1, queues: 3, queue: 0 });
    // One that is not there yet.
    expect(networks.lanesOf(9)).toEqual({ lanes: 3, queues: 3, queue: null });
    expect([0, 1, 2].map((queue) => networks.isServedBy(7, queue))).toEqual([true, false, false]);
    expect([0, 1, 2].map((queue) => networks.commands(queue).length)).toEqual([2, 0, 0]);
    expect(networks.commands(0)).toContainEqual({ kind: 'addNetwork', network: { vni: 8, switch: null } });
    expect(() => networks.open(SWITCHED)).toThrow('Cannot add network 7: it exists');
    expect(networks.take(7)?.vni).toBe(7);
    expect(networks.take(7)).toBeUndefined();
    expect(networks.fault).toBeNull();
    networks.close();
  });

  test('numbers ports of all switches behind the peers, gives numbers back, and ends at 65,535', async () => {
    const networks = make(1, 65_534);
    const [one, two] = [networks.open(SWITCHED).switch, networks.open({ ...SWITCHED, vni: 9 }).switch];
    await one?.addPort(unix('a'));
    await two?.addPort(unix('b'));
    expect([one?.portId('a'), two?.portId('b')]).toEqual([65_534, 65_535]);
    await expect(one?.addPort(unix('c'))).rejects.toThrow('there are as many as can be');
    await one?.removePort('a');
    await two?.addPort(unix('c'));
    expect(two?.portId('c')).toBe(65_534);
    networks.close();
  });

  test('tells only the queue of a switch what is bound, once ports and peers are there', async () => {
    const networks = make(2);
    const own = networks.open(SWITCHED).switch;
    await own?.addStation('02:00:00:00:00:01', 1);
    expect(networks.stationCommands(0)).toMatchObject([{ kind: 'addStation', vni: 7, port: 1 }]);
    expect(networks.stationCommands(1)).toEqual([]);
    networks.close();
  });
});
