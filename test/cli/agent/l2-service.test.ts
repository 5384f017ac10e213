/** What an agent answers of its L2 networks, on switches whose queue is a stand-in. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { L2Service } from '../../../cli/agent/l2-service.ts';
import type { Overlay } from '../../../cli/agent/overlay.ts';
import { OverlayNetwork } from '../../../cli/agent/overlay-network.ts';
import { PeerTable } from '../../../cli/agent/peer-table.ts';
import { CounterBlock } from '../../../dataplane/path/counters.ts';
import { ANYWHERE, type WorkerCommand } from '../../../dataplane/worker/messages.ts';
import { WorkerError } from '../../../dataplane/worker/queue-thread.ts';
import { agentConfig, controlStatus, peerConfig } from './samples.ts';
import { FakeSwitches, READING, switchedNetwork } from './switched.ts';

const MAC = '02:00:00:00:00:01';
const OTHER_MAC = '02:00:00:00:00:02';

let room: string;
let switches: FakeSwitches;
let service: L2Service;
let overlay: Overlay;

beforeEach(() => {
  room = mkdtempSync(join(tmpdir(), 'icx-l2-service-'));
  switches = new FakeSwitches();
  switches.add(7, 'lan7');
  switches.add(8);
  const [routed] = agentConfig([peerConfig(2)], { vni: 9 }).networks;
  if (routed === undefined) throw new Error('no network');
  const configs = [switchedNetwork(7), switchedNetwork(8, [], {}, []), routed];
  const networks = configs.map((config) => new OverlayNetwork(config));
  overlay = {
    networks: () => networks,
    peers: new PeerTable(configs),
    pool: {
      network: (vni: number) => switches.network(vni),
      counters: [new CounterBlock(CounterBlock.allocate(16), 16)],
    },
    control: { status: () => [controlStatus({ slot: 1, state: 'up' })] },
  } as unknown as Overlay;
  service = new L2Service(overlay);
});
afterEach(() => {
  switches.close();
  rmSync(room, { recursive: true });
});

const answers = (given: Partial<Record<WorkerCommand['kind'], unknown>>) => {
  switches.answer = ({ kind }) => given[kind] ?? null;
};

describe('L2Service', () => {
  test('shows stations of all networks or of one, by address, with the port or peer that they are behind', async () => {
    answers({
      listStations: [
        { mac: OTHER_MAC, port: 1, isStatic: false, ageMs: 12_345.6 },
        { mac: MAC, port: 100, isStatic: true, ageMs: null },
        { mac: '02:00:00:00:00:03', port: 555, isStatic: false, ageMs: -1 },
      ],
    });
    const { networks } = await service.fdbShow({});
    expect(networks.map(({ vni, ageing_seconds }) => [vni, ageing_seconds])).toEqual([
      [7, 300],
      [8, 300],
    ]);
    expect(networks[0]?.entries).toEqual([
      { mac: MAC, port: 'lan7', kind: 'port', state: 'static', age_seconds: null },
      { mac: OTHER_MAC, port: 'peer-2', kind: 'peer', state: 'learned', age_seconds: 12.346 },
      // Of a port that went meanwhile.
      { mac: '02:00:00:00:00:03', port: 'port 555', kind: 'port', state: 'learned', age_seconds: 0 },
    ]);
    expect((await service.fdbShow({ network: 'lan8' })).networks.map(({ vni }) => vni)).toEqual([8]);
    await expect(service.fdbShow({ network: '9' })).rejects.toMatchObject({
      message: 'there is no L2 network 9',
    });
  });

  test('binds a station to a port or a peer of the named network', async () => {
    answers({ removeStation: true });
    expect(await service.fdbAdd({ network: 'lan7', mac: MAC, port: 'lan7' })).toEqual({
      network: 'lan7',
      removed: 1,
    });
    await service.fdbAdd({ network: '7', mac: OTHER_MAC, peer: 'peer-2' });
    expect(switches.asked.filter(({ kind }) => kind === 'addStation')).toMatchObject([
      { vni: 7, port: 100 },
      { vni: 7, port: 1 },
    ]);
    const asked = switches.asked.length;
    await expect(service.fdbAdd({ network: 'lan8', mac: MAC, peer: 'peer-2' })).rejects.toMatchObject({
      code: 'ERR_ICX_NO_PORT',
    });
    await expect(service.fdbAdd({ mac: MAC, peer: 'peer-2' })).rejects.toMatchObject({
      message: 'there are several L2 networks',
    });
    expect(switches.asked).toHaveLength(asked);
  });

  test('forgets a station that there is, and says when there is none', async () => {
    answers({ removeStation: true });
    expect(await service.fdbDel({ network: 'lan7', mac: MAC })).toEqual({ network: 'lan7', removed: 1 });
    answers({ removeStation: false });
    await expect(service.fdbDel({ network: 'lan7', mac: MAC })).rejects.toMatchObject({
      code: 'ERR_ICX_NO_STATION',
    });
  });

  test('flushes all, or what is behind a port or a peer', async () => {
    answers({ flushStations: 4 });
    expect(await service.fdbFlush({ network: 'lan7' })).toEqual({ network: 'lan7', removed: 4 });
    await service.fdbFlush({ network: 'lan7', port: 'lan7' });
    await service.fdbFlush({ network: 'lan7', peer: 'peer-2' });
    expect(switches.asked.map((command) => 'port' in command && command.port)).toEqual([null, 100, 1]);
  });

  test('adds and removes ports, but not the network’s own interface', async () => {
    const port = { type: 'unix', name: 'vm', path: join(room, 'vm') } as const;
    expect(await service.portAdd({ network: 'lan7', port })).toEqual({ network: 'lan7', port: 'vm' });
    await expect(service.portAdd({ network: 'lan7', port })).rejects.toMatchObject({
      code: 'ERR_ICX_PORT_NAME',
    });
    await expect(service.portDel({ network: 'lan7', name: 'lan7' })).rejects.toMatchObject({
      message: "lan7 is the network's own interface",
      hint: 'here are vm',
    });
    expect(await service.portDel({ network: 'lan7', name: 'vm' })).toEqual({ network: 'lan7', port: 'vm' });
    await expect(service.portDel({ network: 'lan8', name: 'vm' })).rejects.toMatchObject({
      message: 'no port vm in lan8',
      hint: 'there is none that can be removed',
    });
  });

  test('lists ports with their counts, then peers', async () => {
    await service.portAdd({
      network: 'lan7',
      port: { type: 'unix', name: 'vm', path: join(room, 'vm'), mtu: 1_500, max_stations: 3 },
    });
    const counts = { rxFrames: 1, rxBytes: 2, txFrames: 3, txBytes: 4, rxDropped: 5, txDropped: 6 };
    const ports = [
      { id: 100, stations: 7, counts, isClosed: true },
      { id: 101, stations: 0, counts, isClosed: false },
      { id: 1, stations: 9, counts: null, isClosed: false },
    ];
    answers({ readSwitch: { ...READING, ports } });
    const [lan7] = (await service.portList({ network: 'lan7' })).networks;
    const own = { rx_frames: 1, rx_bytes: 2, tx_frames: 3, tx_bytes: 4, rx_dropped: 5, tx_dropped: 6 };
    expect(lan7?.ports).toMatchObject([
      { name: 'lan7', type: 'tap', state: 'down', stations: 7, max_stations: 100, ...own },
      { name: 'vm', type: 'unix', state: 'up', mtu: 1_500, max_stations: 3, ...own },
      { name: 'peer-2', type: 'peer', detail: 'waits for its call', state: 'up', stations: 9, rx_frames: 0 },
    ]);
  });

  test('lists ports as down while their queue is being replaced', async () => {
    switches.answer = () => Promise.reject(new WorkerError('ERR_ICX_WORKER_DEAD', 'gone'));
    const [lan7] = (await service.portList({ network: 'lan7' })).networks;
    expect(lan7?.ports).toMatchObject([
      { name: 'lan7', state: 'down', rx_frames: 0 },
      { name: 'peer-2', stations: 0 },
    ]);
  });

  test('shows neighbours, those that are anywhere too', async () => {
    const entry = { ip: '10.0.0.1', mac: MAC, vlan: 0, isStatic: false, ageMs: 2_000 };
    answers({
      listNeighbours: [
        { ...entry, port: 1 },
        { ...entry, port: ANYWHERE, isStatic: true, ageMs: 0 },
      ],
    });
    const [lan7] = (await service.neighShow({ network: 'lan7' })).networks;
    expect(lan7?.neighbours).toEqual([
      { ip: '10.0.0.1', mac: MAC, port: 'peer-2', kind: 'peer', state: 'learned', age_seconds: 2 },
      { ip: '10.0.0.1', mac: MAC, port: 'any', kind: 'peer', state: 'static', age_seconds: null },
    ]);
  });
});
