/** Flows over several queues: each keeps to one lane, and none is reordered, whoever sends. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, expect, test } from 'vitest';
import { type Agent, AgentDirectory } from '../support/agent.ts';
import { Capture, datagramsTo } from '../support/capture.ts';
import { describeHosts } from '../support/describe-hosts.ts';
import type { UdpFrame } from '../support/frame.ts';
import { LossyWire } from '../support/lossy-wire.ts';
import { overlay4, overlay6 } from '../support/mesh.ts';
import { scrape } from '../support/metrics.ts';
import { Lab, type Namespace } from '../support/netns.ts';
import { siteAgents } from '../support/sites.ts';
import { copyTcp } from '../support/traffic.ts';
import { TwoWayFlows } from '../support/two-way-flows.ts';

const METRICS = '127.0.0.1:6083';
const DATA_PORT = 6081;
/** With 16 flows one of two queues stays idle once in 30,000 times. */
const FLOWS = 16;
const PPS = 500;
const RUN_MS = 2_000;
/** Long enough that packets cross under way. */
const DELAY_MS = 20;
/** Geneve with its options, the tag, and inner IP and UDP headers. */
const overhead = (isV6: boolean) => 48 + 8 + (isV6 ? 40 : 20);
const LENGTH = 600;
const STEP_LEN = 10;

describeHosts('flows over several queues', () => {
  const lab = new Lab();
  const directories: AgentDirectory[] = [];
  afterAll(() => {
    lab.close();
    for (const directory of directories) directory.remove();
  });

  let tries = 0;
  /** Another name for every try. */
  function addHosts(test: string): readonly [Namespace, Namespace] {
    const label = `${test}${tries++}`;
    return [lab.addHost(`a${label}`), lab.addHost(`b${label}`)];
  }

  async function startAgents(
    hosts: readonly [Namespace, Namespace],
    queues: readonly [number, number] = [2, 2],
  ): Promise<readonly Agent[]> {
    const directory = new AgentDirectory();
    directories.push(directory);
    const agents = siteAgents(
      directory,
      hosts.map((host, index) => ({
        host,
        endpoint: `192.0.2.${index + 1}`,
        interface: { queues: queues[index] ?? 1 },
        metrics: { listen: METRICS },
      })),
    );
    for (const agent of agents) agent.start();
    await Promise.all(agents.map((agent) => agent.waitPeers([], 30_000)));
    return agents;
  }

  /** Outer source ports of each flow, a direction each; flows are told apart by their size. */
  function portsOf(frames: readonly UdpFrame[], isV6: boolean): Map<string, Set<number>> {
    const ports = new Map<string, Set<number>>();
    for (const { source, sourcePort, payload } of frames) {
      const flow = (payload.length - overhead(isV6) - LENGTH) / STEP_LEN;
      if (!Number.isInteger(flow) || flow < 0 || flow >= FLOWS) continue;
      const key = `${source} ${flow}`;
      ports.set(key, (ports.get(key) ?? new Set()).add(sourcePort));
    }
    return ports;
  }

  /** Each queue delivered something, each way. */
  async function expectQueuesUsed(agents: readonly Agent[]): Promise<void> {
    for (const [index, agent] of agents.entries()) {
      const metrics = await scrape(agent, METRICS);
      for (const direction of ['rx', 'tx'] as const) {
        for (const queue of ['0', '1']) {
          const packets = metrics.value('icx_queue_packets_total', { direction, queue });
          expect({ index, direction, queue, isUsed: packets > RUN_MS / 10 }).toMatchObject({ isUsed: true });
        }
      }
    }
  }

  /** A counter of the host's TCP. @see tcp_ext in net/ipv4/proc.c */
  async function tcpCount(host: Namespace, name: string): Promise<number> {
    const { stdout } = await host.exec(['cat', '/proc/net/netstat']);
    const lines = stdout.split('\n').filter((line) => line.startsWith('TcpExt:'));
    const [names = [], values = []] = lines.map((line) => line.split(' '));
    expect(names).toContain(name);
    return Number(values[names.indexOf(name)]);
  }

  test.each([
    ['IPv4', [overlay4(0), overlay4(1)]],
    ['IPv6', [overlay6(0), overlay6(1)]],
  ] as const)(
    'UDP over %s both ways keeps its order and its lane, also through rekeys',
    async (family, addresses) => {
      const isV6 = family === 'IPv6';
      const hosts = addHosts(isV6 ? '6' : '4');
      lab.link(hosts[0], hosts[1], { addresses: [['192.0.2.1/24'], ['192.0.2.2/24']], segmented: true });
      const agents = await startAgents(hosts);
      const file = join(directories.at(-1)?.path ?? '', 'underlay.pcap');
      const capture = await Capture.start(hosts[0], 'eth0', file);
      const flows = await TwoWayFlows.start(hosts, addresses, {
        flows: FLOWS,
        pps: PPS,
        length: LENGTH,
        stepLen: STEP_LEN,
      });
      await sleep(RUN_MS / 2);
      for (const agent of agents) expect((await agent.cli('rekey')).stdout).toMatch(/packets lost: 0 of/);
      await sleep(RUN_MS / 2);
      const results = await flows.stop();
      expect(results).toHaveLength(2 * FLOWS);
      for (const result of results) {
        expect(result).toMatchObject({ duplicates: 0, reordered: 0 });
        expect(result.received).toBeGreaterThan((PPS * RUN_MS) / 4_000);
      }
      const ports = portsOf(datagramsTo(await capture.stop(), DATA_PORT), isV6);
      expect(ports.size).toBe(2 * FLOWS);
      expect([...ports].filter(([, used]) => used.size !== 1)).toEqual([]);
      expect(new Set([...ports.values()].flatMap((used) => [...used])).size).toBe(3);
      await expectQueuesUsed(agents);
    },
  );

  test('flows whose ends choose different lanes keep to them while packets cross under way', async () => {
    const hosts = addHosts('d');
    const wire = { seed: 1, port: DATA_PORT, delayMs: DELAY_MS };
    await LossyWire.join(lab, hosts, ['192.0.2.1/24', '192.0.2.2/24'], wire);
    // Of four queues the kernel chooses others than of two.
    await startAgents(hosts, [4, 2]);
    const file = join(directories.at(-1)?.path ?? '', 'underlay.pcap');
    const capture = await Capture.start(hosts[0], 'eth0', file);
    const settings = { flows: FLOWS, pps: PPS, length: LENGTH, stepLen: STEP_LEN };
    const flows = await TwoWayFlows.start(hosts, [overlay4(0), overlay4(1)], settings);
    await sleep(RUN_MS);
    for (const result of await flows.stop()) {
      expect(result).toMatchObject({ duplicates: 0, reordered: 0 });
      expect(result.received).toBeGreaterThan((PPS * RUN_MS) / 4_000);
    }
    const ports = portsOf(datagramsTo(await capture.stop(), DATA_PORT), false);
    expect(ports.size).toBe(2 * FLOWS);
    expect([...ports].filter(([, used]) => used.size !== 1)).toEqual([]);
  });

  test('TCP of several connections both ways arrives in order', async () => {
    const hosts = addHosts('t');
    lab.link(hosts[0], hosts[1], { addresses: [['192.0.2.1/24'], ['192.0.2.2/24']] });
    await startAgents(hosts);
    const copies = Array.from({ length: 4 }, (_, i) => [
      copyTcp(hosts[0], hosts[1], i % 2 === 0 ? overlay4(1) : overlay6(1), 10_000_000, 7_200 + i),
      copyTcp(hosts[1], hosts[0], i % 2 === 0 ? overlay6(0) : overlay4(0), 10_000_000, 7_200 + i),
    ]);
    for (const copied of await Promise.all(copies.flat())) expect(copied.intact).toBe(true);
    // A busy machine loses packets, and ours are told to slow down by a loss: those come late, but in order.
    for (const host of hosts) {
      for (const sign of ['TCPSACKReorder', 'TCPTSReorder']) {
        expect({ sign, count: await tcpCount(host, sign) }).toEqual({ sign, count: 0 });
      }
    }
  });
});
