/** No packet vanishes: in each direction received = delivered + drops, and both hosts count alike. */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Status } from '../../cli/status-schema.ts';
import { type Agent, AgentDirectory } from '../support/agent.ts';
import { describeHosts } from '../support/describe-hosts.ts';
import { injectUdp } from '../support/inject.ts';
import { overlay4, overlay6 } from '../support/mesh.ts';
import { scrape } from '../support/metrics.ts';
import { Lab } from '../support/netns.ts';
import { siteAgents } from '../support/sites.ts';
import { spray } from '../support/spray.ts';
import { copyTcp, ping, UdpFlow } from '../support/traffic.ts';

const METRICS = '127.0.0.1:6083';
const DIRECTIONS = ['rx', 'tx'] as const;

/** A header with the promised options and a body that no key verifies. */
function strangeFrame(vni: number, spi: number): Buffer {
  const frame = Buffer.alloc(32 + 40);
  frame.writeUInt16BE(0x0640, 0);
  frame.writeUInt16BE(0x0800, 2);
  frame.writeUInt32BE(vni * 256, 4);
  frame.writeUInt32BE(0xff008101, 8);
  frame.writeUInt32BE(spi, 12);
  frame.writeUInt32BE(0xff008203, 16);
  frame.writeUInt32BE(spi, 20);
  frame.writeUInt32BE(1, 28);
  return frame;
}

function sum(counts: Readonly<Record<string, number>> | readonly number[]): number {
  return Object.values(counts).reduce((total, count) => total + count, 0);
}

describeHosts('the counters of two hosts after mixed traffic', () => {
  const lab = new Lab();
  const directory = new AgentDirectory();
  const [a, b] = [lab.addHost('a'), lab.addHost('b')];
  const strange = [
    ...Array.from({ length: 40 }, (_, len) => randomBytes(len * 3)),
    ...Array.from({ length: 5 }, () => strangeFrame(2, 0x00000001)),
    ...Array.from({ length: 7 }, () => strangeFrame(1, 0x3fffffff)),
  ];
  let agents: readonly Agent[] = [];
  let statuses: readonly [Status, Status];

  beforeAll(async () => {
    lab.link(a, b, { addresses: [['192.0.2.1/24'], ['192.0.2.2/24']] });
    const common = { peer: { keepalive: '200ms' }, metrics: { listen: METRICS }, interface: { queues: 2 } };
    agents = siteAgents(directory, [
      { host: a, endpoint: '192.0.2.1', ...common },
      { host: b, endpoint: '192.0.2.2', ...common },
    ]);
    for (const agent of agents) agent.start();
    await Promise.all(agents.map((agent) => agent.waitPeers()));
    await mixedTraffic();
    // The control plane never rests for long; packets from the tests do.
    await sleep(500);
    const [first, second] = await Promise.all(agents.map((agent) => agent.status()));
    if (first === undefined || second === undefined) throw new TypeError('two agents expected');
    statuses = [first, second];
  }, 60_000);
  afterAll(() => {
    lab.close();
    directory.remove();
  });

  async function mixedTraffic(): Promise<void> {
    const flows = await Promise.all([
      UdpFlow.start(a, b, overlay4(1), { mbit: 20 }),
      UdpFlow.start(b, a, overlay6(0), { mbit: 1, length: 100, port: 7_101 }),
    ]);
    expect(await copyTcp(a, b, overlay6(1), 2_000_000)).toMatchObject({ intact: true });
    expect(await copyTcp(b, a, overlay4(0), 2_000_000)).toMatchObject({ intact: true });
    await Promise.all([spray(a, overlay4(1)), spray(b, overlay6(0))]);
    const target = { source: '192.0.2.2', destination: '192.0.2.1', port: 6081 };
    expect(await injectUdp(b, target, strange)).toBe(strange.length);
    await ping(a, '10.77.0.9', { count: 3, timeoutMs: 100 });
    await Promise.all(agents.map((agent) => agent.cli('rekey')));
    // A packet that its path does not take, and one from a source that b does not own.
    a.ip('link set s1 mtu 1500');
    await ping(a, overlay4(1), { count: 2, dataLen: 1_450, timeoutMs: 100, dontFragment: true });
    b.ip('address add 10.99.0.1/32 dev s2');
    b.ip(`route replace ${overlay4(0)}/32 dev s2 src 10.99.0.1`);
    await ping(b, overlay4(0), { count: 3, timeoutMs: 100 });
    for (const flow of flows) expect((await flow.stop()).lost).toBe(0);
  }

  test('each direction of each host: received = delivered + drops', () => {
    for (const { totals, drops, interface: own } of statuses) {
      for (const direction of DIRECTIONS) {
        const { received, delivered, keepalives } = totals[direction];
        const told = { host: own.name, direction };
        expect({ ...told, received }).toEqual({ ...told, received: delivered + sum(drops[direction]) });
        expect(delivered).toBeGreaterThan(3_000);
        expect(keepalives).toBeGreaterThan(0);
      }
    }
  });

  test('every packet that was to be dropped is in its reason', () => {
    const [{ drops: first }, { drops: second }] = statuses;
    expect(first.rx).toMatchObject({ unknown_spi: 7, inner_source: 3 });
    expect(first.rx.unknown_vni).toBeGreaterThanOrEqual(5);
    const injected = ['malformed', 'unknown_vni', 'missing_option', 'unknown_option', 'unknown_spi'];
    expect(injected.reduce((total, reason) => total + (first.rx[reason] ?? 0), 0)).toBe(strange.length);
    expect(sum(first.rx)).toBe(strange.length + 3);
    expect(first.tx.no_route).toBeGreaterThanOrEqual(3);
    // The answer to the first taught the sender.
    expect(first.tx.too_large).toBeGreaterThanOrEqual(1);
    expect(sum(second.rx)).toBe(0);
  });

  test('what one host sent the other received, by the underlay and by peer', () => {
    const [first, second] = statuses;
    expect(second.totals.rx.received).toBe(first.totals.tx.delivered);
    expect(first.totals.rx.received).toBe(second.totals.tx.delivered + strange.length);
    const [to, from] = [first.peers[0]?.transfer, second.peers[0]?.transfer];
    expect(from).toMatchObject({ rx_packets: to?.tx_packets, rx_bytes: to?.tx_bytes });
    expect(to?.rx_packets).toBe((from?.tx_packets ?? 0) - 3);
    for (const { peers, totals } of statuses) {
      expect(peers[0]?.transfer.rx_packets).toBe(totals.rx.delivered);
      expect(peers[0]?.transfer.tx_packets).toBe(totals.tx.delivered);
    }
  });

  test('the metrics agree with the status, and the queues add up', async () => {
    for (const [index, agent] of agents.entries()) {
      const { totals, drops, peers } = await agent.status();
      const metrics = await scrape(agent, METRICS);
      metrics.expectBalanced();
      for (const direction of DIRECTIONS) {
        const told = { index, direction };
        const delivered = metrics.value('icx_delivered_packets_total', { direction });
        expect({ ...told, delivered }).toEqual({ ...told, delivered: totals[direction].delivered });
        // What the control plane probes is dropped at any time.
        expect(metrics.value('icx_drops_total', { direction })).toBeGreaterThanOrEqual(sum(drops[direction]));
        const queues = ['0', '1'].map((queue) =>
          metrics.value('icx_queue_packets_total', { direction, queue }),
        );
        expect(sum(queues)).toBe(delivered);
        expect({ ...told, idle: queues.filter((packets) => packets === 0) }).toEqual({ ...told, idle: [] });
      }
      expect(metrics.value('icx_rx_packets_total')).toBe(peers[0]?.transfer.rx_packets);
      expect(metrics.value('icx_tx_bytes_total')).toBe(peers[0]?.transfer.tx_bytes);
    }
  });
});
