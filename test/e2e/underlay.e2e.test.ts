/** Underlays of either family and of other MTUs than 1500, also while agents run. */
import { afterAll, expect, test } from 'vitest';
import { type Agent, AgentDirectory, type Settings } from '../support/agent.ts';
import { describeHosts } from '../support/describe-hosts.ts';
import { overlay4, overlay6 } from '../support/mesh.ts';
import { Lab, type Namespace } from '../support/netns.ts';
import { forward, routedHosts } from '../support/routed.ts';
import { type Site, siteAgents, writeSiteConfig } from '../support/sites.ts';
import { copyTcp, ping } from '../support/traffic.ts';

const COPY_LEN = 2_000_000;
const LONG_COPY_LEN = 60_000_000;

const directories: AgentDirectory[] = [];
const labs: Lab[] = [];

afterAll(() => {
  for (const lab of labs) lab.close();
  for (const directory of directories) directory.remove();
});

function newLab(): Lab {
  const lab = new Lab();
  labs.push(lab);
  return lab;
}

async function startSites(sites: readonly Site[]): Promise<Agent[]> {
  const directory = new AgentDirectory();
  directories.push(directory);
  const agents = siteAgents(directory, sites);
  for (const agent of agents) agent.start();
  await Promise.all(agents.map((agent) => agent.waitPeers([], 30_000)));
  return agents;
}

/** Two hosts on one link. */
async function startLinked(
  mtu: number,
  addresses: readonly [string, string],
  own: Settings,
): Promise<Agent[]> {
  const lab = newLab();
  const [a, b] = [lab.addHost('a'), lab.addHost('b')];
  lab.link(a, b, { mtu, segmented: true, addresses: [[addresses[0]], [addresses[1]]] });
  const endpoints = addresses.map((address) => address.replace(/\/.*/, ''));
  return await startSites([
    { host: a, endpoint: endpoints[0] ?? null, interface: own },
    { host: b, endpoint: endpoints[1] ?? null, interface: own },
  ]);
}

function mtuOf({ host, name }: Agent): number {
  return Number(/ mtu (\d+) /.exec(host.ip(`link show ${name}`))?.[1]);
}

async function expectPings(from: Agent, address: string, mtu: number): Promise<void> {
  const headers = address.includes(':') ? 40 + 8 : 20 + 8;
  const settings = { count: 3, timeoutMs: 3_000, dontFragment: true };
  const whole = await ping(from.host, address, { ...settings, dataLen: mtu - headers });
  expect({ address, received: whole.received }).toEqual({ address, received: 3 });
  const larger = await ping(from.host, address, { ...settings, dataLen: mtu - headers + 1, timeoutMs: 300 });
  expect({ address, received: larger.received }).toEqual({ address, received: 0 });
}

async function expectCopies(from: Agent, to: Agent, addresses: readonly string[]): Promise<void> {
  for (const address of addresses) {
    const copied = await copyTcp(from.host, to.host, address, COPY_LEN);
    expect({ address, ...copied }).toMatchObject({ address, bytes: COPY_LEN, intact: true });
  }
}

const BOTH = [overlay4(1), overlay6(1)];

describeHosts('an underlay of MTU 1300', () => {
  test.concurrent('under IPv4 and IPv6 inside: the interface has 1280, outer packets are fragmented', async () => {
    const [a, b] = await startLinked(1300, ['192.0.2.1/24', '192.0.2.2/24'], {});
    if (a === undefined || b === undefined) throw new TypeError('two agents expected');
    expect([mtuOf(a), mtuOf(b)]).toEqual([1280, 1280]);
    for (const address of BOTH) await expectPings(a, address, 1280);
    await expectCopies(a, b, BOTH);
    await expectCopies(b, a, [overlay4(0), overlay6(0)]);
    expect(await outerFragments(a.host)).toBeGreaterThan(COPY_LEN / 1280);
    expect((await a.status()).interface).toMatchObject({
      mtu: 1280,
      offloads: { outer_fragmentation: true },
    });
  }, 60_000);

  test.concurrent('with IPv4 inside alone: 1300 less 76, nothing is fragmented', async () => {
    const lab = newLab();
    const [a, b] = [lab.addHost('a'), lab.addHost('b')];
    lab.link(a, b, { mtu: 1300, segmented: true, addresses: [['192.0.2.1/24'], ['192.0.2.2/24']] });
    const [first, second] = await startSites([
      { host: a, endpoint: '192.0.2.1', ipv4Only: true },
      { host: b, endpoint: '192.0.2.2', ipv4Only: true },
    ]);
    if (first === undefined || second === undefined) throw new TypeError('two agents expected');
    expect([mtuOf(first), mtuOf(second)]).toEqual([1224, 1224]);
    await expectPings(first, overlay4(1), 1224);
    await expectCopies(first, second, [overlay4(1)]);
    expect(await outerFragments(a)).toBe(0);
    expect((await first.status()).peers[0]?.path_mtu_bytes).toBe(1224);
  }, 60_000);

  test.concurrent('over IPv6: the interface has 1280, outer packets are fragmented', async () => {
    const own = { listen: '::' };
    const [a, b] = await startLinked(1300, ['fd00:192::1/64', 'fd00:192::2/64'], own);
    if (a === undefined || b === undefined) throw new TypeError('two agents expected');
    expect([mtuOf(a), mtuOf(b)]).toEqual([1280, 1280]);
    for (const address of BOTH) await expectPings(a, address, 1280);
    await expectCopies(a, b, BOTH);
  }, 60_000);
});

/** Fragments that a host made of its own IPv4 packets. @see RFC 4293, ipSystemStatsOutFragCreates */
async function outerFragments(host: Namespace): Promise<number> {
  const { stdout } = await host.exec(['cat', '/proc/net/snmp']);
  const [names = [], values = []] = stdout
    .split('\n')
    .filter((line) => line.startsWith('Ip: '))
    .map((line) => line.split(' '));
  return Number(values[names.indexOf('FragCreates')]);
}

describeHosts('an underlay of IPv6', () => {
  test.concurrent('carries both families, from any address and from one', async () => {
    const lab = newLab();
    const [a, b] = [lab.addHost('a'), lab.addHost('b')];
    lab.link(a, b, { addresses: [['fd00:192::1/64', 'fd00:192::11/64'], ['fd00:192::2/64']] });
    const [first, second] = await startSites([
      { host: a, endpoint: 'fd00:192::11', interface: { listen: 'fd00:192::11' } },
      { host: b, endpoint: 'fd00:192::2', interface: { listen: '::' } },
    ]);
    if (first === undefined || second === undefined) throw new TypeError('two agents expected');
    expect([mtuOf(first), mtuOf(second)]).toEqual([1404, 1404]);
    for (const address of BOTH) await expectPings(first, address, 1404);
    await expectCopies(first, second, BOTH);
    await expectCopies(second, first, [overlay4(0), overlay6(0)]);
    expect((await second.status()).peers[0]?.endpoint).toBe('[fd00:192::11]:6081');
  }, 60_000);

  test.concurrent('and one of IPv4 meet at a host that has both', async () => {
    const lab = newLab();
    const [four, both, six] = lab.mesh(['four', 'both', 'six']);
    if (four === undefined || both === undefined || six === undefined) throw new TypeError('three hosts');
    both.ip('address add fd00:192::2/64 dev eth0 nodad');
    six.ip('address add fd00:192::3/64 dev eth0 nodad');
    six.ip('address del 192.0.2.3/24 dev eth0');
    const directory = new AgentDirectory();
    directories.push(directory);
    const sites: Site[] = [
      { host: four, endpoint: '192.0.2.1', interface: { listen: '0.0.0.0' } },
      { host: both, endpoint: null, interface: { listen: '::' } },
      { host: six, endpoint: 'fd00:192::3', interface: { listen: '::' } },
    ];
    const agents = siteAgents(directory, sites);
    const [agent4, agentBoth, agent6] = agents;
    if (agent4 === undefined || agentBoth === undefined || agent6 === undefined) throw new TypeError('three');
    // Each end knows the host in the middle by the address of its own family.
    const seen = (endpoint: string): Site[] =>
      sites.map((site, index) => (index === 1 ? { ...site, endpoint } : site));
    writeSiteConfig(agents, seen('192.0.2.2'), agent4, 0);
    writeSiteConfig(agents, seen('fd00:192::2'), agent6, 2);
    for (const agent of agents) agent.start();
    await agentBoth.waitPeers([], 30_000);
    for (const agent of [agent4, agent6]) await agent.waitPeers(['s2'], 30_000);
    const [mtu4, mtu6] = [1424, 1404];
    await expectPings(agent4, overlay4(1), mtu4);
    await expectPings(agent6, overlay6(1), mtu6);
    await expectCopies(agentBoth, agent4, [overlay4(0), overlay6(0)]);
    await expectCopies(agentBoth, agent6, [overlay4(2), overlay6(2)]);
    expect((await agentBoth.status()).peers.map((peer) => peer.path_mtu_bytes)).toEqual([mtu4, mtu6]);
    expect(mtuOf(agentBoth)).toBe(mtu6);
  }, 60_000);
});

describeHosts('an underlay whose MTU changes while agents run', () => {
  test.concurrent('at the host itself: the interface follows, both ways', async () => {
    const [a, b] = await startLinked(1500, ['192.0.2.1/24', '192.0.2.2/24'], {});
    if (a === undefined || b === undefined) throw new TypeError('two agents expected');
    expect(mtuOf(a)).toBe(1424);
    for (const [outer, inner] of [
      [1400, 1324],
      [1300, 1280],
      [1500, 1424],
    ] as const) {
      for (const { host } of [a, b]) host.ip(`link set eth0 mtu ${outer}`);
      await Promise.all(
        [a, b].map((agent) =>
          agent.until(
            `has MTU ${inner}`,
            5_000,
            (status) => status.interface.mtu === inner && mtuOf(agent) === inner,
          ),
        ),
      );
      for (const address of BOTH) await expectPings(a, address, inner);
      await expectCopies(a, b, BOTH);
    }
  }, 60_000);

  test.concurrent('behind a router: a connection that runs goes on', async () => {
    const { lab, hosts, router, addresses } = routedHosts();
    labs.push(lab);
    await forward(router);
    const [first, second] = await startSites(
      hosts.map((host, index) => ({ host, endpoint: addresses[index] ?? null })),
    );
    if (first === undefined || second === undefined) throw new TypeError('two agents expected');
    expect([mtuOf(first), mtuOf(second)]).toEqual([1424, 1424]);
    let copying = true;
    const copied = copyTcp(hosts[0], hosts[1], overlay4(1), LONG_COPY_LEN).finally(() => {
      copying = false;
    });
    await second.until('gets data', 10_000, ({ peers }) => (peers[0]?.transfer.rx_packets ?? 0) > 1_000);
    router.ip('link set eth1 mtu 1400');
    hosts[1].ip('link set eth0 mtu 1400');
    expect(copying).toBe(true);
    expect(await copied).toMatchObject({ bytes: LONG_COPY_LEN, intact: true });
    // The first host learns it from the router, the second from its own link.
    for (const agent of [first, second]) {
      await agent.until('has MTU 1324', 10_000, (status) => status.interface.mtu === 1324);
      expect(mtuOf(agent)).toBe(1324);
    }
    for (const address of BOTH) await expectPings(first, address, 1324);
    await expectCopies(first, second, BOTH);
  }, 60_000);
});
