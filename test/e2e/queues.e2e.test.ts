/** Hosts with several queues: lanes of their own, all of them moved by each rekey. */
import { afterAll, expect, test } from 'vitest';
import type { Status } from '../../cli/status-schema.ts';
import { type Agent, AgentDirectory } from '../support/agent.ts';
import { describeHosts } from '../support/describe-hosts.ts';
import { overlay4, overlay6 } from '../support/mesh.ts';
import { Lab } from '../support/netns.ts';
import { siteAgents } from '../support/sites.ts';
import { spray } from '../support/spray.ts';
import { copyTcp, ping, UdpFlow } from '../support/traffic.ts';

const lab = new Lab();
const directories: AgentDirectory[] = [];
afterAll(() => {
  lab.close();
  for (const directory of directories) directory.remove();
});

async function startPair(label: string, queues: readonly [number, number]): Promise<readonly [Agent, Agent]> {
  const [a, b] = [lab.addHost(`a${label}`), lab.addHost(`b${label}`)];
  lab.link(a, b, { addresses: [['192.0.2.1/24'], ['192.0.2.2/24']] });
  const directory = new AgentDirectory();
  directories.push(directory);
  const [first, second] = siteAgents(directory, [
    { host: a, endpoint: '192.0.2.1', interface: { queues: queues[0] } },
    { host: b, endpoint: '192.0.2.2', interface: { queues: queues[1] } },
  ]);
  if (first === undefined || second === undefined) throw new TypeError('two agents expected');
  for (const agent of [first, second]) agent.start();
  await Promise.all([first, second].map((agent) => agent.waitPeers([], 30_000)));
  return [first, second];
}

interface Lanes {
  readonly rx: readonly string[];
  readonly tx: readonly string[];
}

function lanesOf({ peers }: Status): Lanes {
  const [peer] = peers;
  return { rx: (peer?.sas.rx ?? []).map(({ spi }) => spi), tx: (peer?.sas.tx ?? []).map(({ spi }) => spi) };
}

async function bothLanes(pair: readonly [Agent, Agent]): Promise<readonly [Lanes, Lanes]> {
  const [first, second] = await Promise.all(pair.map((agent) => agent.status()));
  if (first === undefined || second === undefined) throw new TypeError('two agents expected');
  return [lanesOf(first), lanesOf(second)];
}

describeHosts('agents with several queues', () => {
  test.concurrent.each([
    ['2 queues against 2', [2, 2]],
    ['2 queues against 1', [2, 1]],
  ] as const)(
    '%s: traffic both ways on all lanes, which each rekey moves without loss',
    async (label, queues) => {
      const pair = await startPair(label.replaceAll(/\D/g, ''), queues);
      const before = await bothLanes(pair);
      // As many send SAs as own queues, as many receive SAs as the peer's.
      expect(before.map(({ rx, tx }) => [rx.length, tx.length])).toEqual([
        [queues[1], queues[0]],
        [queues[0], queues[1]],
      ]);
      expect([...before[0].tx].sort()).toEqual([...before[1].rx].sort());
      const flows = await Promise.all([
        UdpFlow.start(pair[0].host, pair[1].host, overlay4(1), { mbit: 10 }),
        UdpFlow.start(pair[1].host, pair[0].host, overlay6(0), { mbit: 10 }),
      ]);
      for (const agent of pair) expect((await agent.cli('rekey')).stdout).toMatch(/packets lost: 0 of/);
      const results = await Promise.all(flows.map((flow) => flow.stop()));
      for (const result of results) {
        expect(result).toMatchObject({ lost: 0, duplicates: 0 });
        expect(result.sent).toBeGreaterThan(100);
      }
      const after = await bothLanes(pair);
      for (const [index, { rx, tx }] of after.entries()) {
        expect([rx.length, tx.length]).toEqual([before[index]?.rx.length, before[index]?.tx.length]);
        expect(
          [...rx, ...tx].filter((spi) => before[index]?.rx.includes(spi) || before[index]?.tx.includes(spi)),
        ).toEqual([]);
      }
      expect([...after[1].tx].sort()).toEqual([...after[0].rx].sort());
      for (const [from, to, address] of [
        [0, 1, overlay6(1)],
        [1, 0, overlay4(0)],
      ] as const) {
        expect(await copyTcp(pair[from].host, pair[to].host, address, 2_000_000)).toMatchObject({
          intact: true,
        });
      }
      for (const address of [overlay4(1), overlay6(1)]) await spray(pair[0].host, address);
      for (const address of [overlay4(0), overlay6(0)]) await spray(pair[1].host, address);
      for (const agent of pair) await expectLanesUsed(agent);
      expect((await ping(pair[0].host, overlay6(1))).received).toBe(5);
    },
    60_000,
  );
});

/** Each send lane sealed something, and nothing was dropped on the way in. */
async function expectLanesUsed(agent: Agent): Promise<void> {
  const { peers, drops } = await agent.status();
  const idle = (peers[0]?.sas.tx ?? []).filter(({ packets }) => packets === 0);
  expect({ agent: agent.name, idle }).toEqual({ agent: agent.name, idle: [] });
  expect(Object.entries(drops.rx).filter(([, count]) => count > 0)).toEqual([]);
}
