/** More than two hosts, and hosts of which only one knows where the other is. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Status } from '../../cli/status-schema.ts';
import { type Agent, AgentDirectory } from '../support/agent.ts';
import { describeHosts } from '../support/describe-hosts.ts';
import { meshAgents, overlay4, overlay6 } from '../support/mesh.ts';
import { Lab } from '../support/netns.ts';
import { orderedKeyPairs, siteAgents } from '../support/sites.ts';
import { ping } from '../support/traffic.ts';

const directories: AgentDirectory[] = [];

function newDirectory(): AgentDirectory {
  const directory = new AgentDirectory();
  directories.push(directory);
  return directory;
}

afterAll(() => {
  for (const directory of directories) directory.remove();
});

describeHosts('a full mesh of four hosts', () => {
  const lab = new Lab();
  let agents: Agent[] = [];

  beforeAll(async () => {
    const hosts = lab.mesh(['a', 'b', 'c', 'd']);
    const members = hosts.map((host, index) => ({ host, underlay: `192.0.2.${index + 1}` }));
    agents = meshAgents(newDirectory(), members);
    for (const agent of agents) agent.start();
    await Promise.all(agents.map((agent) => agent.waitPeers([], 30_000)));
  });
  afterAll(() => lab.close());

  test('every host pings every other over IPv4 and IPv6', async () => {
    const pairs = agents
      .flatMap((from) => agents.map((_, to) => ({ from, to })))
      .filter(({ from, to }) => agents[to] !== from);
    expect(pairs).toHaveLength(12);
    const answers = await Promise.all(
      pairs.flatMap(({ from, to }) =>
        [overlay4(to), overlay6(to)].map(async (address) => {
          const { received } = await ping(from.host, address, { count: 2, timeoutMs: 5_000 });
          return `${from.name} ${address} ${received}`;
        }),
      ),
    );
    expect(answers.filter((answer) => !answer.endsWith(' 2'))).toEqual([]);
  });

  test('each pair has keys of its own, the same at both ends, and nothing was dropped', async () => {
    const all = await Promise.all(agents.map((agent) => agent.status()));
    for (const { peers, drops } of all) {
      expect(peers.map((peer) => peer.state)).toEqual(['up', 'up', 'up']);
      expect(Object.entries(drops.rx).filter(([, count]) => count > 0)).toEqual([]);
    }
    const lanes = all.reduce((sum, { interface: own }) => sum + own.queues, 0) * 3;
    // Replaced keys are seen at one end before the other.
    const ends = async () => keysAtEnds(await Promise.all(agents.map((agent) => agent.status())));
    await expect.poll(ends, { timeout: 10_000 }).toSatisfy(({ rx, tx }: Awaited<ReturnType<typeof ends>>) => {
      return rx.length === lanes && new Set(rx).size === lanes && rx.join() === tx.join();
    });
  });
});

/** Who sends to whom under which SPI, as receivers and as senders have it. */
function keysAtEnds(all: readonly Status[]): { rx: string[]; tx: string[] } {
  const ends = all.flatMap(({ interface: own, peers }) => peers.map((peer) => ({ own: own.name, peer })));
  return {
    rx: ends
      .flatMap(({ own, peer }) => peer.sas.rx.map(({ spi }) => `${peer.name} to ${own}: ${spi}`))
      .sort(),
    tx: ends
      .flatMap(({ own, peer }) => peer.sas.tx.map(({ spi }) => `${own} to ${peer.name}: ${spi}`))
      .sort(),
  };
}

describeHosts('a peer without endpoint', () => {
  const lab = new Lab();
  afterAll(() => lab.close());

  /** Starts the host that knows no endpoint first: it has to wait for the other's call. */
  async function reached(which: 'lower' | 'higher', index: number): Promise<void> {
    const [a, b] = [lab.addHost(`w${index}`), lab.addHost(`c${index}`)];
    lab.link(a, b, { addresses: [['192.0.2.1/24'], ['192.0.2.2/24']] });
    const keys = orderedKeyPairs();
    const [waiting, calling] = which === 'lower' ? keys : [keys[1], keys[0]];
    const [waits, calls] = siteAgents(newDirectory(), [
      { host: a, endpoint: '192.0.2.1', keys: waiting },
      { host: b, endpoint: null, keys: calling },
    ]);
    if (waits === undefined || calls === undefined) throw new TypeError('two agents expected');
    waits.start();
    await waits.waitReady();
    const before = await waits.status();
    expect(before.peers[0]).toMatchObject({ state: 'waiting', endpoint: null });
    calls.start();
    await calls.waitReady();
    const startedAtMs = performance.now();
    const status = await waits.waitPeers();
    expect(performance.now() - startedAtMs).toBeLessThan(5_000);
    await calls.waitPeers();
    for (const address of [overlay4(1), overlay6(1)]) {
      expect((await ping(a, address, { count: 3, timeoutMs: 5_000 })).received).toBe(3);
    }
    for (const address of [overlay4(0), overlay6(0)]) {
      expect((await ping(b, address, { count: 3, timeoutMs: 5_000 })).received).toBe(3);
    }
    expect((await waits.status()).peers[0]?.endpoint).toBe('192.0.2.2:6081');
    expect(status.peers).toHaveLength(1);
  }

  test('is reached once it dialled, whichever side has the lower key', async () => {
    await Promise.all([reached('lower', 1), reached('higher', 2)]);
  });
});
