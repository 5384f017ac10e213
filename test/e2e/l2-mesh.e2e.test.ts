/** Three hosts on one segment: a full mesh of tunnels without a loop, a frame once wherever it belongs. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Agent, AgentDirectory } from '../support/agent.ts';
import { Capture } from '../support/capture.ts';
import { describeHosts } from '../support/describe-hosts.ts';
import { overlay4, overlay6 } from '../support/mesh.ts';
import { Lab } from '../support/netns.ts';
import { BROADCAST, macOf, numbersFrom, sendNumbered } from '../support/numbered-frame.ts';
import { meshMembers, segmentAgents, startAll } from '../support/segment.ts';
import { places, stationsOf } from '../support/switch-view.ts';
import { ping } from '../support/traffic.ts';
import { three } from '../support/tuple.ts';

const COUNT = 100;
const NUMBERS = [...Array(COUNT).keys()];
/** For what is under way. */
const SETTLE_MS = 200;
const FORGED = '02:aa:00:00:00:01';
const UNKNOWN = '02:aa:00:00:00:99';
/** A group that no kernel joins and no snooping knows. */
const GROUP = '01:00:5e:7f:12:34';

describeHosts('Three hosts on one segment', () => {
  const lab = new Lab();
  const directory = new AgentDirectory();
  let a: Agent;
  let b: Agent;
  let c: Agent;

  beforeAll(async () => {
    const agents = segmentAgents(directory, meshMembers(lab, ['a', 'b', 'c']));
    await startAll(agents);
    [a, b, c] = three(agents);
  });
  afterAll(() => {
    lab.close();
    directory.remove();
  });

  /** Numbers that come out of each TAP when `source` sends out of A's. */
  async function arrivals(destination: string, source: string): Promise<readonly (readonly number[])[]> {
    const agents = [a, b, c];
    const captures = await Promise.all(
      agents.map((agent) =>
        Capture.start(agent.host, agent.name, join(directory.path, `${agent.name}.pcap`)),
      ),
    );
    await sendNumbered(a.host, a.name, { destination, source }, COUNT);
    await sleep(SETTLE_MS);
    const captured = await Promise.all(captures.map((capture) => capture.stop()));
    return captured.map((frames) => numbersFrom(frames, source));
  }

  test('every host pings every other over either family', async () => {
    const agents = [a, b, c];
    const pings = agents.flatMap((from, own) =>
      [0, 1, 2]
        .filter((index) => index !== own)
        .flatMap((index) => [overlay4(index), overlay6(index)])
        .map(async (address) => {
          const { received } = await ping(from.host, address, { count: 3, timeoutMs: 3_000 });
          return `${from.name} ${address} ${received}`;
        }),
    );
    expect((await Promise.all(pings)).filter((answer) => !answer.endsWith(' 3'))).toEqual([]);
  });

  test.each([
    ['a broadcast', BROADCAST],
    ['a multicast', GROUP],
    ['a frame to an unknown station', UNKNOWN],
  ])('%s comes once to each of the others, and never back', async (_, destination) => {
    // A's own capture has them as they leave.
    expect(await arrivals(destination, FORGED)).toEqual([NUMBERS, NUMBERS, NUMBERS]);
  });

  test('a frame to a known station comes to its host alone', async () => {
    await ping(a.host, overlay4(1), { count: 1, timeoutMs: 3_000 });
    expect(await arrivals(macOf(b.host, b.name), FORGED)).toEqual([NUMBERS, NUMBERS, []]);
  });

  test('each agent has the stations of the others behind their peers', async () => {
    const agents = [a, b, c];
    for (const [own, agent] of agents.entries()) {
      const found = places(await stationsOf(agent));
      for (const other of agents.filter((_, index) => index !== own)) {
        expect(found).toContain(`${macOf(other.host, other.name)} peer ${other.name} learned`);
      }
    }
  });
});
