/**
 * What goes through the tunnel arrives as it was sent: TCP with its content's hash checked, in both
 * directions at once over both families, while every packet that the receiving host is handed is
 * looked at. `ICX_TEST_MEGABYTES=300` sends so many in each direction over each family.
 */
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { type Agent, AgentDirectory } from '../support/agent.ts';
import { Capture } from '../support/capture.ts';
import { faultOf, packetsIn } from '../support/delivered-packet.ts';
import { describeHosts } from '../support/describe-hosts.ts';
import { LossyWire } from '../support/lossy-wire.ts';
import { overlay4, overlay6 } from '../support/mesh.ts';
import { Lab, type Namespace } from '../support/netns.ts';
import { siteAgents } from '../support/sites.ts';
import { type Copied, copyTcp } from '../support/traffic.ts';

const MEGABYTES = Number(process.env.ICX_TEST_MEGABYTES ?? 0);
const ADDRESSES = ['192.0.2.1/24', '192.0.2.2/24'] as const;
/** On a bad wire the sender waits for timers now and then. */
const TIMEOUT_MS = MEGABYTES > 0 ? 600_000 : 60_000;

type Ends = readonly [Namespace, Namespace];

describeHosts('TCP through the tunnel', () => {
  const lab = new Lab();
  const directories: AgentDirectory[] = [];
  let labels = 0;
  afterAll(() => {
    lab.close();
    for (const directory of directories) directory.remove();
  });

  function addHosts(): Ends {
    labels++;
    return [lab.addHost(`a${labels}`), lab.addHost(`b${labels}`)];
  }

  async function startAgents(ends: Ends): Promise<readonly Agent[]> {
    const directory = new AgentDirectory();
    directories.push(directory);
    const agents = siteAgents(
      directory,
      ends.map((host, index) => ({ host, endpoint: `192.0.2.${index + 1}`, interface: { queues: 2 } })),
    );
    for (const agent of agents) agent.start();
    await Promise.all(agents.map((agent) => agent.waitPeers([], 30_000)));
    return agents;
  }

  /** Copies both ways at once, over one family this way and the other back, then with both changed. */
  async function copyAll([a, b]: Ends, megabytes: number): Promise<Copied[]> {
    const bytes = (MEGABYTES || megabytes) * 1_000_000;
    const [first, second] = [
      await Promise.all([copyTcp(a, b, overlay4(1), bytes), copyTcp(b, a, overlay6(0), bytes)]),
      await Promise.all([copyTcp(a, b, overlay6(1), bytes), copyTcp(b, a, overlay4(0), bytes)]),
    ];
    for (const copied of [...first, ...second]) expect(copied).toMatchObject({ bytes, intact: true });
    return [...first, ...second];
  }

  /** @returns How many packets were joined to how many, of all that the hosts were handed. */
  async function expectWellFormed(captures: readonly Capture[]): Promise<{ given: number; packets: number }> {
    let given = 0;
    let packets = 0;
    for (const capture of captures) {
      const faults = new Map<string, number>();
      for (const { bytes } of await capture.stop()) {
        given++;
        packets += packetsIn(bytes);
        const fault = faultOf(bytes);
        if (fault !== null) faults.set(fault, (faults.get(fault) ?? 0) + 1);
      }
      expect([...faults]).toEqual([]);
    }
    return { given, packets };
  }

  function capture(agents: readonly Agent[]): Promise<Capture[]> {
    return Promise.all(
      agents.map((agent, index) => {
        const file = join(directories.at(-1)?.path ?? '', `delivered${index}.pcap`);
        return Capture.startDelivered(agent.host, agent.name, file);
      }),
    );
  }

  async function rxDrops(agents: readonly Agent[]): Promise<Record<string, number>[]> {
    const statuses = await Promise.all(agents.map((agent) => agent.status()));
    return statuses.map(({ drops }) =>
      Object.fromEntries(Object.entries(drops.rx).filter(([, count]) => count > 0)),
    );
  }

  test.each([
    ['super-packets whole', false, 40],
    ['single packets', true, 25],
  ])(
    'arrives intact over a link that passes %s',
    async (_name, segmented, megabytes) => {
      const ends = addHosts();
      lab.link(ends[0], ends[1], { addresses: [[ADDRESSES[0]], [ADDRESSES[1]]], segmented });
      const agents = await startAgents(ends);
      const captures = await capture(agents);
      await copyAll(ends, megabytes);
      const { given, packets } = await expectWellFormed(captures);
      expect(packets).toBeGreaterThan((4 * megabytes * 1_000_000) / 1_500);
      expect(given).toBeLessThan(packets);
      expect(await rxDrops(agents)).toEqual([{}, {}]);
    },
    TIMEOUT_MS,
  );

  test.each([
    ['single packets', false],
    ['merged ones', true],
  ])(
    'arrives intact over a wire that loses, repeats and reorders, as %s',
    async (_name, merged) => {
      const ends = addHosts();
      const faults = { loss: 0.01, reorder: 0.01, duplicate: 0.005, merged };
      const wire = await LossyWire.join(lab, ends, ADDRESSES, { seed: 20_240_601, port: 6081, ...faults });
      const agents = await startAgents(ends);
      const captures = await capture(agents);
      await copyAll(ends, 10);
      const { given, packets } = await expectWellFormed(captures);
      expect(given).toBeLessThan(packets);
      const drops = await rxDrops(agents);
      const { lost, duplicated, reordered, largest } = await wire.stop();
      expect(Math.min(lost, duplicated, reordered)).toBeGreaterThan(100);
      expect(largest).toBeLessThanOrEqual(1_500);
      // What came twice was dropped once, and nothing else was.
      expect(drops.map((reasons) => Object.keys(reasons))).toEqual([['replay'], ['replay']]);
      expect(drops.reduce((sum, { replay = 0 }) => sum + replay, 0)).toBeLessThanOrEqual(duplicated);
    },
    TIMEOUT_MS,
  );
});
