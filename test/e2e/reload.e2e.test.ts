/** `icx reload` and SIGHUP: what changed is applied, what did not keeps its keys and its packets. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { PeerStatus, Status } from '../../cli/status-schema.ts';
import { type Agent, type AgentConfig, AgentDirectory, type Settings } from '../support/agent.ts';
import { describeHosts } from '../support/describe-hosts.ts';
import { queueDrops } from '../support/kernel-drops.ts';
import { type MeshMember, meshAgents, meshConfig, overlay4, overlay6 } from '../support/mesh.ts';
import { Lab } from '../support/netns.ts';
import { ping, UdpFlow, untilPing } from '../support/traffic.ts';

const LABELS = ['a', 'b', 'c', 'd'] as const;

/** The hub's view of a peer by name. */
function peer(status: Status, name: string): PeerStatus | undefined {
  return status.peers.find((each) => each.name === name);
}

function spis(status: Status, name: string): object {
  const { rx = [], tx = [] } = peer(status, name)?.sas ?? {};
  return { rx: rx.map(({ spi }) => spi), tx: tx.map(({ spi }) => spi) };
}

describeHosts('reload', () => {
  const directory = new AgentDirectory();
  const lab = new Lab();
  let members: MeshMember[];
  let agents: Agent[];
  let hub: Agent;
  let steady: Agent;

  beforeAll(async () => {
    members = lab.mesh(LABELS).map((host, index) => ({ host, underlay: `192.0.2.${index + 1}` }));
    agents = meshAgents(directory, members);
    const [first, second] = agents;
    if (first === undefined || second === undefined) throw new TypeError('too few agents');
    [hub, steady] = [first, second];
    // The hub starts with t2 and t3; t4 waits for it.
    write((peers) => peers.filter(({ name }) => name !== 't4'));
    for (const agent of agents) agent.start();
    await hub.waitPeers();
  });
  afterAll(() => {
    lab.close();
    directory.remove();
  });

  /** Writes the hub's config with changed peers. */
  function write(change: (peers: Settings[]) => Settings[], own: Settings = {}): void {
    const config: AgentConfig = meshConfig(agents, members, 0, { interface: own });
    hub.writeConfig({ ...config, peers: change([...config.peers]) });
  }

  async function reload(): Promise<string> {
    const { code, stdout, stderr } = await hub.cli('reload', hub.name);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    return stdout;
  }

  test('adds, changes and removes peers; another keeps its SAs and loses no packet', async () => {
    const before = await hub.status();
    const droppedBefore = [queueDrops(hub.host, 't1'), queueDrops(steady.host, 't2')];
    const flows = await Promise.all([
      UdpFlow.start(hub.host, steady.host, overlay4(1), { mbit: 10 }),
      UdpFlow.start(steady.host, hub.host, overlay6(0), { mbit: 10 }),
    ]);

    write((peers) => peers);
    const plan = await hub.cli('check', hub.configFile);
    expect(plan.stdout).toContain('t1: icx reload would change\n  + peer t4: ');
    expect(await reload()).toBe(`t1: changed\n  + peer t4: ${overlay4(3)}/32, ${overlay6(3)}/128\n`);
    await untilPing(hub.host, overlay4(3), 10_000);

    // A route that moves from one peer to another in one reload, and a keepalive.
    write((peers) =>
      peers.map((each) =>
        each.name === 't3'
          ? { ...each, allowed_ips: [`${overlay4(2)}/32`, '10.99.0.0/24'], keepalive: '1s' }
          : each,
      ),
    );
    const changed = await reload();
    expect(changed).toContain('~ peer t3: allowed_ips: ');
    expect(changed).toContain('~ peer t3: keepalive: off → 1s');
    expect(hub.host.ip('route show dev t1')).toContain('10.99.0.0/24');
    expect(hub.host.ip('-6 route show dev t1')).not.toContain(overlay6(2));
    expect(peer(await hub.status(), 't3')?.allowed_ips).toEqual([`${overlay4(2)}/32`, '10.99.0.0/24']);
    expect((await ping(hub.host, overlay4(2), { count: 2 })).received).toBe(2);

    write((peers) =>
      peers
        .filter(({ name }) => name !== 't3')
        .map((each) =>
          each.name === 't4' ? { ...each, allowed_ips: [`${overlay4(3)}/32`, '10.99.0.0/24'] } : each,
        ),
    );
    expect(await reload()).toContain('- peer t3');
    const after = await hub.status();
    expect(after.peers.map(({ name }) => name).sort()).toEqual(['t2', 't4']);
    expect((await ping(hub.host, overlay4(2), { count: 2, timeoutMs: 200 })).received).toBe(0);
    expect((await ping(hub.host, overlay4(3), { count: 2 })).received).toBe(2);
    expect(hub.host.ip('route show dev t1')).toContain('10.99.0.0/24');

    const results = await Promise.all(flows.map((flow) => flow.stop()));
    const dropped = [queueDrops(hub.host, 't1'), queueDrops(steady.host, 't2')];
    for (const [index, { lost }] of results.entries()) {
      expect(lost - ((dropped[index] ?? 0) - (droppedBefore[index] ?? 0))).toBe(0);
    }
    expect(spis(after, 't2')).toEqual(spis(before, 't2'));
    expect(peer(after, 't2')?.handshake?.at).toBe(peer(before, 't2')?.handshake?.at);
  }, 60_000);

  test('by SIGHUP does the same, and leaves all as it is when the config is wrong', async () => {
    const before = await hub.status();
    write((peers) => peers, { mtu: 1_300, address: [`${overlay4(0)}/24`, '10.55.0.1/24'] });
    if (hub.pid !== undefined) process.kill(hub.pid, 'SIGHUP');
    await hub.until('took the peers back', 5_000, (status) => status.peers.length === 3);
    await hub.until(
      'has lost its IPv6 address',
      5_000,
      () => !hub.host.ip('address show dev t1').includes('inet6'),
    );
    const link = hub.host.ip('address show dev t1');
    expect(link).toContain('mtu 1300');
    expect(link).toContain('inet 10.55.0.1/24');
    await untilPing(hub.host, overlay4(2), 10_000);

    write((peers) => [...peers, { name: 'broken', public_key: 'AAAA' }], { vni: 0 });
    const { code, stderr } = await hub.cli('reload', hub.name);
    expect(code).toBe(2);
    const problems = stderr.trim().split('\n');
    expect(problems).toHaveLength(2);
    for (const line of problems) expect(line).toMatch(/^\/.*t1\.toml:\d+: /);
    if (hub.pid !== undefined) process.kill(hub.pid, 'SIGHUP');
    await sleep(500);
    const after = await hub.status();
    expect(hub.log).toContain('reload refused');
    expect(after.peers.map(({ state }) => state)).toEqual(['up', 'up', 'up']);
    expect(after.interface).toMatchObject({ vni: 1, mtu: 1_300 });
    expect(spis(after, 't2')).toEqual(spis(before, 't2'));
  }, 60_000);

  test('tells what needs a restart, and goes on without it', async () => {
    const before = await hub.status();
    write((peers) => peers, { listen_port: 7_081, rekey_interval: '1h' });
    const stdout = await reload();
    expect(stdout).toContain('~ interface: listen_port: 6081 → 7081 (not applied: needs a restart)');
    expect(await reload()).toContain('listen_port: 6081 → 7081 (not applied: needs a restart)');
    const after = await hub.status();
    expect(after.interface.listen_port).toBe(6_081);
    expect(spis(after, 't2')).toEqual(spis(before, 't2'));
  }, 30_000);
});
