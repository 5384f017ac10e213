/** What an authentic peer may not do: other inner addresses, other outer addresses, too many packets. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Agent, AgentDirectory } from '../support/agent.ts';
import { DATA_PORT, framesDuring, linkAddress, rxDropsDuring, total } from '../support/attacked-pair.ts';
import { describeHosts } from '../support/describe-hosts.ts';
import { parseUdpFrame, withPayload } from '../support/frame.ts';
import { injectFrames, injectUdp } from '../support/inject.ts';
import { overlay4, overlay6 } from '../support/mesh.ts';
import { scrape } from '../support/metrics.ts';
import { Lab } from '../support/netns.ts';
import { ping } from '../support/traffic.ts';

const METRICS = '127.0.0.1:6083';
const LIMIT_PPS = 200;
const PACKETS = 2_000;

describeHosts('A peer that is who it says', () => {
  const lab = new Lab();
  const directory = new AgentDirectory();
  const hosts = lab.mesh(['hub', 'rover', 'steady', 'busy', 'x'], { segmented: true });
  const [hub, rover, steady, busy] = ['hub', 'rover', 'steady', 'busy'].map((name, index) => {
    const host = hosts[index];
    if (host === undefined) throw new TypeError('five hosts');
    return new Agent(host, directory, name);
  }) as [Agent, Agent, Agent, Agent];
  const attacker = hosts[4] ?? hub.host;
  const agents = [hub, rover, steady, busy];

  /** How the hub sees member `index`. */
  function peer(index: number, more: Record<string, string | number | boolean | readonly string[]>) {
    const agent = agents[index];
    return {
      name: agent?.name ?? '',
      public_key: agent?.keys.publicKey ?? '',
      endpoint: `192.0.2.${index + 1}`,
      allowed_ips: [`${overlay4(index)}/32`, `${overlay6(index)}/128`],
      ...more,
    };
  }

  beforeAll(async () => {
    hub.writeConfig({
      interface: { address: [`${overlay4(0)}/24`, `${overlay6(0)}/64`], queues: 1 },
      metrics: { listen: METRICS },
      peers: [
        peer(1, { local_ips: [`${overlay4(0)}/32`, `${overlay6(0)}/128`] }),
        peer(2, { validate_source: true }),
        peer(3, { rx_rate_limit: LIMIT_PPS }),
      ],
    });
    for (const [index, agent] of agents.entries()) {
      if (index === 0) continue;
      // More than the hub allows: another host's address, and all of the overlay behind the hub.
      const extra = index === 1 ? [`${overlay4(2)}/32`, '10.99.0.2/32', 'fd99::2/128'] : [];
      agent.writeConfig({
        interface: { address: [`${overlay4(index)}/32`, `${overlay6(index)}/128`, ...extra], queues: 1 },
        metrics: { listen: METRICS },
        peers: [
          peer(0, { allowed_ips: [`${overlay4(0)}/32`, `${overlay6(0)}/128`, '10.88.0.0/16', 'fd88::/64'] }),
        ],
      });
    }
    for (const agent of agents) agent.start();
    await Promise.all(agents.map((agent) => agent.waitPeers([], 30_000)));
  }, 60_000);
  afterAll(async () => {
    await Promise.allSettled(agents.map((agent) => agent.stop()));
    lab.close();
    directory.remove();
  });

  /** Datagrams from a host through its overlay interface. */
  function send(from: Agent, source: string, destination: string, count: number): Promise<number> {
    const payloads = Array.from({ length: count }, () => Buffer.from('policy'));
    return injectUdp(from.host, { source, destination, port: 4_000 }, payloads, 500);
  }

  async function expectAlive(from: Agent): Promise<void> {
    for (const address of [overlay4(0), overlay6(0)]) {
      expect(await ping(from.host, address, { count: 5, intervalMs: 10 })).toMatchObject({ received: 5 });
    }
  }

  test("is refused an inner source that is nobody else's: inner_source", async () => {
    const drops = await rxDropsDuring(hub, 40, async () => {
      await send(rover, '10.99.0.2', overlay4(0), 20);
      await send(rover, 'fd99::2', overlay6(0), 20);
    });
    expect(drops).toEqual({ inner_source: 40 });
    await expectAlive(rover);
  });

  test('is refused the inner source of another peer: inner_source', async () => {
    const drops = await rxDropsDuring(hub, 20, () => send(rover, overlay4(2), overlay4(0), 20));
    expect(drops).toEqual({ inner_source: 20 });
    await expectAlive(steady);
  });

  test('is refused an inner destination outside local_ips: inner_destination', async () => {
    const drops = await rxDropsDuring(hub, 40, async () => {
      await send(rover, overlay4(1), '10.88.0.1', 20);
      await send(rover, overlay6(1), 'fd88::1', 20);
    });
    expect(drops).toEqual({ inner_destination: 40 });
    await expectAlive(rover);
  });

  test('is not heard from another outer address where validate_source is on: bad_peer', async () => {
    const mac = linkAddress(attacker);
    const frames = await framesDuring(steady.host, 'eth0', join(directory.path, 'steady.pcap'), () =>
      expectAlive(steady),
    );
    const sent = frames.filter(({ bytes }) => {
      const udp = parseUdpFrame(bytes);
      return udp?.destinationPort === DATA_PORT && udp.source === '192.0.2.3';
    });
    expect(sent.length).toBeGreaterThanOrEqual(10);
    const from = (lastByte: number) =>
      sent.map(({ bytes }) => {
        const frame = Buffer.from(bytes);
        mac.copy(frame, 6);
        Buffer.from([192, 0, 2, lastByte]).copy(frame, 26);
        return withPayload(frame, Buffer.from(parseUdpFrame(bytes)?.payload ?? []));
      });
    const moved = from(5);
    const elsewhere = await rxDropsDuring(hub, moved.length, () => injectFrames(attacker, 'eth0', moved));
    expect(elsewhere).toEqual({ bad_peer: moved.length });
    // The same frames from where they belong get as far as the replay window.
    const again = from(3);
    const here = await rxDropsDuring(hub, again.length, () => injectFrames(attacker, 'eth0', again));
    expect(here).toEqual({ replay: again.length });
    await expectAlive(steady);
  });

  test('passes no more packets than rx_rate_limit: rate_limited', async () => {
    const startedAtMs = performance.now();
    const payloads = Array.from({ length: PACKETS }, () => Buffer.alloc(100));
    const target = { source: overlay4(3), destination: overlay4(0), port: 4_000 };
    let passed = 0;
    const drops = await rxDropsDuring(hub, PACKETS / 2, async () => {
      const before = await hub.status();
      await injectUdp(busy.host, target, payloads, 2_000);
      await sleep(100);
      passed = (await hub.status()).totals.rx.delivered - before.totals.rx.delivered;
    });
    const seconds = (performance.now() - startedAtMs) / 1_000;
    expect(Object.keys(drops)).toEqual(['rate_limited']);
    expect(passed + total(drops)).toBe(PACKETS);
    // A full bucket's burst of 64, and what comes in while it lasts.
    expect(passed).toBeLessThanOrEqual(64 + LIMIT_PPS * seconds);
    expect(passed).toBeGreaterThan(100);
    process.stderr.write(
      `${passed} of ${PACKETS} passed in ${seconds.toFixed(1)} s at ${LIMIT_PPS} packets/s\n`,
    );
    await sleep(500);
    await expectAlive(busy);
    await expectAlive(steady);
  });

  test('and in each direction received packets are delivered packets plus drops', async () => {
    for (const agent of agents) (await scrape(agent)).expectBalanced();
    const metrics = await scrape(hub);
    for (const reason of ['inner_source', 'inner_destination', 'bad_peer', 'rate_limited', 'replay']) {
      expect(metrics.drops('rx', reason)).toBeGreaterThan(0);
    }
  });
});
