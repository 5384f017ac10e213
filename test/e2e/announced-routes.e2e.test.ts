/** Announced routes: a network behind one host is reached from another that accepts it, and no longer than it is announced. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { PeerStatus } from '../../cli/status-schema.ts';
import { type Agent, AgentDirectory, makeKeyPair, type Settings } from '../support/agent.ts';
import { describeHosts } from '../support/describe-hosts.ts';
import { type MeshMember, meshConfig, overlay4 } from '../support/mesh.ts';
import type { Namespace } from '../support/netns.ts';
import { Pair } from '../support/pair.ts';
import { forward } from '../support/routed.ts';
import { ping, UdpFlow, untilPing } from '../support/traffic.ts';

const BEHIND = ['10.88.1.0/24', 'fd88:0:0:1::/64'];
const ACCEPTED = ['10.88.0.0/16', 'fd88::/48'];
const GUEST4 = '10.88.1.2';
const GUEST6 = 'fd88:0:0:1::2';

describeHosts('announced routes', () => {
  const directory = new AgentDirectory();
  let pair: Pair;
  let members: MeshMember[];
  let near: Agent;
  let far: Agent;
  let guest: Namespace;

  beforeAll(async () => {
    pair = new Pair(directory);
    [near, far] = pair.agents;
    members = pair.hosts.map((host, index) => ({ host, underlay: `192.0.2.${index + 1}` }));
    guest = pair.lab.addHost('guest');
    far.host.ip(`link add guest0 type veth peer name eth0 netns ${guest.name}`);
    far.host.ip('address add 10.88.1.1/24 dev guest0');
    far.host.ip('address add fd88:0:0:1::1/64 dev guest0 nodad');
    far.host.ip('link set guest0 up');
    guest.ip(`address add ${GUEST4}/24 dev eth0`);
    guest.ip(`address add ${GUEST6}/64 dev eth0 nodad`);
    guest.ip('link set eth0 up');
    guest.ip('route add default via 10.88.1.1');
    guest.ip('-6 route add default via fd88:0:0:1::1');
    await forward(far.host);
    writeNear(ACCEPTED);
    writeFar(BEHIND);
    await pair.up();
  });
  afterAll(() => {
    pair?.close();
    directory.remove();
  });

  function write(index: 0 | 1, own: Settings, peer: Settings, others: readonly Settings[] = []): void {
    const config = meshConfig(pair.agents, members, index, { interface: own });
    const peers = config.peers.map((each) => ({ ...each, ...peer }));
    pair.agents[index].writeConfig({ ...config, peers: [...peers, ...others] });
  }

  function writeNear(
    accepted: readonly string[],
    peer: Settings = {},
    others: readonly Settings[] = [],
  ): void {
    write(0, {}, { accept_routes: accepted, ...peer }, others);
  }

  function writeFar(announce: readonly string[]): void {
    write(1, { announce }, {});
  }

  async function reload(agent: Agent): Promise<string> {
    const { code, stdout, stderr } = await agent.cli('reload', agent.name);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    return stdout;
  }

  function untilAnnounced(...prefixes: string[]): Promise<unknown> {
    const isSo = ({ announced_ips: announced = [] }: PeerStatus) =>
      JSON.stringify([...announced].sort()) === JSON.stringify([...prefixes].sort());
    return near.until(`has ${prefixes} announced`, 5_000, ({ peers }) => peers.every(isSo));
  }

  function routes(): string[] {
    const dump = near.host.ip('-4 route show dev t1') + near.host.ip('-6 route show dev t1');
    return dump.split('\n').flatMap((line) => (/88/.test(line) ? [line.split(' ')[0] ?? ''] : []));
  }

  const untilRoutes = (...prefixes: string[]) => expect.poll(routes, { timeout: 5_000 }).toEqual(prefixes);

  test('lead to what is behind the host that announces them, both families, both ways', async () => {
    await untilAnnounced(...BEHIND);
    await untilRoutes(...BEHIND);
    await untilPing(near.host, GUEST4, 5_000);
    await untilPing(near.host, GUEST6, 5_000);
    expect((await ping(guest, overlay4(0), { count: 2 })).received).toBe(2);
    const { stdout } = await near.cli('status', near.name);
    expect(stdout).toContain(`announced ips: ${BEHIND.join(', ')}`);
    expect((await far.status()).peers.map(({ announced_ips }) => announced_ips)).toEqual([[]]);
  }, 30_000);

  test('go when they are withdrawn, and come back, without a packet of others lost', async () => {
    const flow = await UdpFlow.start(near.host, far.host, overlay4(1), { mbit: 5 });
    writeFar(BEHIND.slice(1));
    expect(await reload(far)).toContain(`announce: [${BEHIND.join(', ')}] → [${BEHIND[1]}]`);
    await untilAnnounced(...BEHIND.slice(1));
    await untilRoutes(...BEHIND.slice(1));
    expect((await ping(near.host, GUEST4, { count: 2, timeoutMs: 200 })).received).toBe(0);
    expect((await ping(near.host, GUEST6, { count: 2 })).received).toBe(2);
    writeFar(BEHIND);
    await reload(far);
    await untilPing(near.host, GUEST4, 5_000);
    expect((await flow.stop()).lost).toBe(0);
  }, 30_000);

  test('stay over a reload that still accepts them, and go with one that does not', async () => {
    await untilAnnounced(...BEHIND);
    const flow = await UdpFlow.start(near.host, guest, GUEST4, { mbit: 5 });
    writeNear(ACCEPTED, { keepalive: '5s' });
    await reload(near);
    writeNear(['10.88.1.0/24'], { keepalive: '5s' });
    expect(await reload(near)).toContain('accept_routes: [10.88.0.0/16, fd88::/48] → [10.88.1.0/24]');
    expect((await flow.stop()).lost).toBe(0);
    await untilAnnounced('10.88.1.0/24');
    await untilRoutes('10.88.1.0/24');
    expect((await ping(near.host, GUEST6, { count: 2, timeoutMs: 200 })).received).toBe(0);
    // What comes from there is no peer's any more.
    expect((await ping(guest, 'fd77::1', { count: 2, timeoutMs: 200 })).received).toBe(0);
    // A prefix that the config gives to the peer is announced no less.
    writeNear(ACCEPTED, { allowed_ips: [`${overlay4(1)}/32`, 'fd77::2/128', '10.88.1.0/24'] });
    await reload(near);
    await untilAnnounced('fd88:0:0:1::/64');
    await untilPing(near.host, GUEST4, 5_000);
    await untilPing(near.host, GUEST6, 5_000);
    writeNear(ACCEPTED);
    await reload(near);
    await untilAnnounced(...BEHIND);
    await untilRoutes(...BEHIND);
    await untilPing(near.host, GUEST4, 5_000);
  }, 60_000);

  test('give way to another peer that the config gives them to, and come back', async () => {
    const other = { name: 'other', public_key: makeKeyPair().publicKey, allowed_ips: ['10.88.1.0/24'] };
    writeNear(ACCEPTED, {}, [other]);
    await reload(near);
    const { peers } = await near.status();
    expect(peers.map(({ announced_ips }) => announced_ips)).toEqual([['fd88:0:0:1::/64'], []]);
    expect((await ping(near.host, GUEST4, { count: 2, timeoutMs: 200 })).received).toBe(0);
    writeNear(ACCEPTED);
    await reload(near);
    await untilAnnounced(...BEHIND);
    await untilPing(near.host, GUEST4, 5_000);
  }, 30_000);

  test('stay while the peer is gone without a word, until it says something else', async () => {
    await far.stop('SIGKILL');
    await near.until('misses its peer', 15_000, ({ peers }) => peers.every(({ state }) => state !== 'up'));
    await untilAnnounced(...BEHIND);
    expect(routes()).toEqual(BEHIND);
    writeFar(BEHIND.slice(0, 1));
    far.start();
    await untilPing(near.host, GUEST4, 15_000);
    await untilAnnounced('10.88.1.0/24');
  }, 60_000);

  test('that the host has already keep nothing else from working', async () => {
    writeFar([]);
    await reload(far);
    await untilAnnounced();
    near.host.ip('link add taken0 type bridge');
    near.host.ip('link set taken0 up');
    near.host.ip('route add 10.88.1.0/24 dev taken0');
    writeFar([...BEHIND, '10.88.2.0/24']);
    await reload(far);
    await untilRoutes('10.88.2.0/24', 'fd88:0:0:1::/64');
    await untilPing(near.host, GUEST6, 5_000);
    await expect.poll(() => near.log).toMatch(/route add 10\.88\.1\.0\/24 dev t1 .*File exists/);
    writeNear(ACCEPTED, { keepalive: '7s' });
    await reload(near);
    expect(near.log.match(/route add 10\.88\.1\.0\/24/g)).toHaveLength(1);
    near.host.ip('link del taken0');
    writeNear(ACCEPTED, { keepalive: '8s' });
    await reload(near);
    await untilPing(near.host, GUEST4, 5_000);
  }, 60_000);

  test('that nobody accepts are refused, and the log says so', async () => {
    writeFar(['10.99.0.0/24']);
    await reload(far);
    await untilAnnounced();
    expect(near.log).toMatch(/announced routes refused/);
    expect(near.host.ip('route show dev t1')).not.toContain('10.99');
    expect((await near.stop()).code).toBe(0);
  }, 30_000);
});
