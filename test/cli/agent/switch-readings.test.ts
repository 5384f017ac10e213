/** A switch as metrics show it: all that it counts, and nothing while it can't be asked. */
import { afterEach, expect, test } from 'vitest';
import { readNetwork, readPorts } from '../../../cli/agent/network-readings.ts';
import type { Overlay } from '../../../cli/agent/overlay.ts';
import { OverlayNetwork } from '../../../cli/agent/overlay-network.ts';
import { WorkerError } from '../../../dataplane/worker/queue-thread.ts';
import { agentConfig } from './samples.ts';
import { FakeSwitches, READING, switchedNetwork } from './switched.ts';

const switches = new FakeSwitches();
afterEach(() => switches.close());

function setUp() {
  switches.add(7, 'lan7');
  const overlay = { pool: { network: (vni: number) => switches.network(vni) } } as unknown as Overlay;
  return { overlay, network: new OverlayNetwork(switchedNetwork(7)) };
}

test('readNetwork() has every count of the switch', async () => {
  const { overlay, network } = setUp();
  const counts = { rxFrames: 1, rxBytes: 2, txFrames: 3, txBytes: 4, rxDropped: 5, txDropped: 6 };
  switches.answer = () => ({ ...READING, ports: [{ id: 100, stations: 1, counts, isClosed: false }] });
  expect(await readNetwork(overlay, network)).toEqual({
    network: 'lan7',
    vni: 7,
    switch: {
      stations: 3,
      maxStations: 1_000,
      learned: 4,
      moved: 5,
      aged: 6,
      refused: { port_full: 7, table_full: 8, moves: 9, static: 10 },
      forwarded: 11,
      flooded: 12,
      drops: {
        runt: 13,
        invalid_source: 14,
        static_violation: 15,
        reserved: 16,
        no_port: 17,
        split_horizon: 18,
      },
      multicastGroups: 19,
    },
    neighbours: 20,
    suppressed: { arp: 21, nd: 22 },
    ports: [{ name: 'lan7', type: 'tap', up: true, ...counts }],
    relay: null,
  });
});

test('readNetwork() is null while the queue is gone, and of a network of IP packets', async () => {
  const { overlay, network } = setUp();
  switches.answer = () => Promise.reject(new WorkerError('ERR_ICX_WORKER_DEAD', 'gone'));
  expect(await readNetwork(overlay, network)).toBeNull();
  const [routed] = agentConfig().networks;
  if (routed === undefined) throw new Error('no network');
  const other = new OverlayNetwork({ ...routed, vni: 9 });
  expect(await readNetwork(overlay, other)).toBeNull();
  expect(await readPorts(overlay, other)).toEqual([]);
});
