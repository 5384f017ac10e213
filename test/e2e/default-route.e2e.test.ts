/** Everything routed into the overlay: our own packets stay outside, and nothing is left after. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Agent, AgentDirectory, type Settings } from '../support/agent.ts';
import { describeHosts } from '../support/describe-hosts.ts';
import { hostState } from '../support/host-state.ts';
import { forward, type Routed, routedHosts } from '../support/routed.ts';
import { copyTcp, ping, untilPing } from '../support/traffic.ts';

/** Addresses on the gateway's loopback: the rest of the world, as the client sees it. */
const WORLD = ['203.0.113.9', 'fd99::9'] as const;

/** A client that sends everything to a gateway, beyond a router. */
class Site {
  readonly directory = new AgentDirectory();
  readonly routed: Routed = routedHosts();
  readonly client: Agent;
  readonly gateway: Agent;
  readonly states: Promise<readonly string[]>;

  constructor(own: Settings, peer: Settings = {}) {
    const [a, b] = this.routed.hosts;
    this.client = new Agent(a, this.directory, 'c1');
    this.gateway = new Agent(b, this.directory, 'g1');
    for (const address of WORLD) b.ip(`address add ${address} dev lo`);
    this.client.writeConfig({
      interface: { address: ['10.77.0.1/24', 'fd77::1/64'], ...own },
      peers: [this.#peer(this.gateway, 1, { allowed_ips: ['0.0.0.0/0', '::/0'], ...peer })],
    });
    this.gateway.writeConfig({
      interface: { address: ['10.77.0.2/24', 'fd77::2/64'], ...own },
      peers: [this.#peer(this.client, 0, { allowed_ips: ['10.77.0.1/32', 'fd77::1/128'] })],
    });
    this.states = forward(this.routed.router).then(() => Promise.all([a, b].map(hostState)));
  }

  #peer(agent: Agent, index: 0 | 1, rest: Settings): Settings {
    const endpoint = this.routed.addresses[index];
    return { name: agent.name, public_key: agent.keys.publicKey, endpoint, ...rest };
  }

  async up(): Promise<void> {
    await this.states;
    for (const agent of [this.client, this.gateway]) agent.start();
    await Promise.all([this.client.waitPeers(), this.gateway.waitPeers()]);
  }

  /** Ends both. @returns Whether the hosts are as they were. */
  async down(): Promise<void> {
    for (const exited of await Promise.all([this.client.stop(), this.gateway.stop()])) {
      expect(exited).toMatchObject({ code: 0 });
    }
    const states = await Promise.all(this.routed.hosts.map(hostState));
    expect(states).toEqual(await this.states);
  }

  close(): void {
    this.routed.lab.close();
    this.directory.remove();
  }
}

describeHosts('a default route into the overlay', () => {
  const sites: Site[] = [];
  beforeAll(async () => {
    sites.push(
      new Site({ queues: 2 }),
      new Site({ control_transport: 'webtransport', rekey_interval: '2s' }),
    );
    await Promise.all(sites.map((site) => site.up()));
  }, 60_000);
  afterAll(() => {
    for (const site of sites) site.close();
  });

  test('carries the world, both families, all lanes', async () => {
    for (const { client, gateway } of sites) {
      for (const address of WORLD) await untilPing(client.host, address, 5_000);
      const before = await client.status();
      // Ports differ, so flows spread over the lanes.
      const copies = [0, 1, 2, 3].map((n) =>
        copyTcp(client.host, gateway.host, WORLD[n % 2] ?? WORLD[0], 200_000, 7_200 + n),
      );
      for (const copied of await Promise.all(copies)) expect(copied).toMatchObject({ intact: true });
      const after = await client.status();
      const packets =
        (after.peers[0]?.transfer.tx_packets ?? 0) - (before.peers[0]?.transfer.tx_packets ?? 0);
      // Acknowledgements besides: each packet is sealed once, not again and again.
      expect(packets).toBeGreaterThan(4 * 140);
      expect(packets).toBeLessThan(4 * 2_000);
    }
  }, 60_000);

  test('leaves sealed packets, control and what is on the same link outside', async () => {
    await Promise.all(
      sites.map(async ({ client, routed }) => {
        const sealed = client.host.ip('route get 198.51.100.1 ipproto udp sport 6081');
        expect(sealed).toContain('via 192.0.2.254 dev eth0');
        expect(client.host.ip('route get 198.51.100.1 ipproto tcp dport 80')).toContain('dev c1');
        expect((await ping(client.host, '192.0.2.254', { count: 2 })).received).toBe(2);
        expect(client.host.ip('route get 192.0.2.254')).toContain('dev eth0');
        // Beyond the time after which a control connection without answers is dead.
        await sleep(8_500);
        const { peers } = await client.status();
        expect(peers[0]).toMatchObject({ state: 'up', last_error: null });
        expect(peers[0]?.rtt_seconds).toBeGreaterThan(0);
        // The underlay is gone and back, as after a cable was pulled.
        routed.router.ip('link set eth0 down');
        await sleep(500);
        routed.router.ip('link set eth0 up');
        await untilPing(client.host, WORLD[0], 15_000);
      }),
    );
    for (const { client } of sites) expect(await client.cli('rekey', client.name)).toMatchObject({ code: 0 });
  }, 60_000);

  test('leaves no rule and no route when it ends', async () => {
    expect(sites[0]?.client.host.ip('rule')).toContain('suppress_prefixlength');
    await Promise.all(sites.map((site) => site.down()));
  }, 30_000);
});

describeHosts('routes = false', () => {
  const site = new Site({ routes: false });
  beforeAll(() => site.up());
  afterAll(() => site.close());

  test('makes interface and addresses, and leaves routing to the operator', async () => {
    const { host } = site.client;
    const routes = host.ip('-4 route show table all').split('\n');
    expect(
      routes.filter((line) => line.includes('dev c1')).map((line) => line.split(' ').slice(0, 2)),
    ).toEqual([
      ['10.77.0.0/24', 'dev'],
      ['local', '10.77.0.1'],
      ['broadcast', '10.77.0.255'],
    ]);
    expect(host.ip('rule')).not.toContain('fwmark');
    await untilPing(host, '10.77.0.2', 5_000);
    expect((await ping(host, WORLD[0], { count: 1, timeoutMs: 300 })).received).toBe(0);
    host.ip(`route add ${WORLD[0]}/32 dev c1`);
    await untilPing(host, WORLD[0], 5_000);
    // The route goes with the interface.
    await site.down();
  }, 30_000);
});
