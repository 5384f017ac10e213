/** A guest that invents a million stations takes nothing from the others on its segment. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Agent, AgentDirectory } from '../support/agent.ts';
import { residentBytes } from '../support/attacked-pair.ts';
import { describeHosts } from '../support/describe-hosts.ts';
import { overlay4 } from '../support/mesh.ts';
import { Lab } from '../support/netns.ts';
import { macOf } from '../support/numbered-frame.ts';
import { meshMembers, segmentAgents, startAll } from '../support/segment.ts';
import { places, portOf, type Station, stationsOf } from '../support/switch-view.ts';
import { copyTcp, ping } from '../support/traffic.ts';
import { two } from '../support/tuple.ts';
import { askStation, EchoStation, ForgedSources, type Sprayed } from '../support/unix-station.ts';

const FORGED = 1_000_000;
const ATTACKER = '02:00:00:00:03:01';
const CALM = '02:00:00:00:03:02';
const ASKER = '02:00:00:00:03:03';
/** As many as a port may have where the config says nothing. */
const MAX_STATIONS = 4_096;
const COPIED = 20_000_000;
const ASKED = 200;
/** As many frames from one address: what the attacker takes by what he sends, and not by his addresses. */
const HONEST = 400_000;
/** Of what is left beside as much traffic from one address. Attacker and hosts share two processors. */
const LEAST_RATIO = 0.5;
const LEAST_ANSWERED = 0.95;
/** As long as one rate is taken. */
const QUIET_MS = 2_000;
const MAX_GROWTH_BYTES = 64 << 20;
const ATTACK_TIMEOUT_MS = 90_000;

describeHosts('A guest with forged addresses', () => {
  const lab = new Lab();
  const directory = new AgentDirectory();
  let a: Agent;
  let b: Agent;
  const path = (name: string) => join(directory.path, `${name}.sock`);
  const unixPort = (name: string) => ({ type: 'unix', name, path: path(`${name}-port`) });
  const station = (name: string, mac: string) => ({
    mac,
    path: path(name),
    remote: path(`${name}-port`),
  });

  beforeAll(async () => {
    const [memberA, memberB] = two(meshMembers(lab, ['a', 'b']));
    const agents = segmentAgents(directory, [
      { ...memberA, ports: [unixPort('attacker'), unixPort('calm')] },
      { ...memberB, ports: [unixPort('asker')] },
    ]);
    await startAll(agents);
    [a, b] = two(agents);
  });
  afterAll(() => {
    lab.close();
    directory.remove();
  });

  /** Bytes a second over TCP connections from A to B, one after the other, until `end` or once. */
  async function throughput(end: Promise<unknown>): Promise<number> {
    let isOver = false;
    const over = end.finally(() => {
      isOver = true;
    });
    let [bytes, seconds] = [0, 0];
    do {
      const copied = await copyTcp(a.host, b.host, overlay4(1), COPIED);
      expect(copied.intact).toBe(true);
      bytes += copied.bytes;
      seconds += copied.seconds;
    } while (!isOver);
    await over;
    return bytes / seconds;
  }

  /** Where the stations are that the attack is not about. */
  async function placesOfOthers(): Promise<string[]> {
    return places((await stationsOf(a)).filter(({ port }) => port !== 'attacker'));
  }

  async function startSpray(frames: number, sources: number): Promise<ForgedSources> {
    const destination = macOf(a.host, a.name);
    return await ForgedSources.start(a.host, station('attacker', ATTACKER), destination, frames, sources);
  }

  test(
    'of a million leaves the others their places, their answers and their share',
    async () => {
      const calm = await EchoStation.start(a.host, station('calm', CALM));
      const ask = () => askStation(b.host, station('asker', ASKER), CALM, ASKED);
      expect(await ask()).toEqual({ sent: ASKED, received: ASKED });
      await ping(a.host, overlay4(1), { count: 3, timeoutMs: 3_000 });
      // Once for the engine's compiler, so that the rate without the attack is not that of cold code.
      await throughput(Promise.resolve());
      const quiet = await throughput(sleep(QUIET_MS));
      const honest = await startSpray(HONEST, 1);
      const beside = await throughput(honest.finished());
      const before = await placesOfOthers();
      const residentBefore = residentBytes(a);

      const attack = await startSpray(FORGED, FORGED);
      const finished = attack.finished();
      const [attacked, answers, during] = await Promise.all([
        throughput(finished),
        ask(),
        stationsDuring(finished),
      ]);
      const { sent, seconds } = await finished;
      const share = attacked / beside;
      process.stderr.write(
        `${sent} forged sources in ${seconds.toFixed(1)} s; TCP beside them at ${share.toFixed(2)} of its rate ` +
          `beside one source, at ${(attacked / quiet).toFixed(2)} of its rate alone\n`,
      );

      expect(sent).toBe(FORGED);
      expect(share).toBeGreaterThan(LEAST_RATIO);
      expect(answers.received).toBeGreaterThanOrEqual(ASKED * LEAST_ANSWERED);
      for (const found of [...during, await stationsOf(a)]) {
        expect(found.filter(({ port }) => port === 'attacker').length).toBeLessThanOrEqual(MAX_STATIONS);
      }
      expect(await placesOfOthers()).toEqual(before);
      expect(before).toEqual(
        expect.arrayContaining([
          `${CALM} port calm learned`,
          `${ASKER} peer ${b.name} learned`,
          `${macOf(b.host, b.name)} peer ${b.name} learned`,
        ]),
      );
      const port = await portOf(a, 'attacker');
      expect(port.rx_frames).toBeGreaterThanOrEqual(FORGED);
      expect(port.stations).toBeGreaterThan(0);
      expect(port.stations).toBeLessThanOrEqual(MAX_STATIONS);
      expect(residentBytes(a) - residentBefore).toBeLessThan(MAX_GROWTH_BYTES);
      await calm.stop();
    },
    ATTACK_TIMEOUT_MS,
  );

  test('who takes the address of another loses it when the other speaks', async () => {
    const macB = macOf(b.host, b.name);
    await ping(a.host, overlay4(1), { count: 3, timeoutMs: 3_000 });
    // Its announcement alone.
    await askStation(a.host, station('attacker', macB), CALM, 0);
    await ping(b.host, overlay4(0), { count: 3, timeoutMs: 3_000 });
    expect(places(await stationsOf(a))).toContain(`${macB} peer ${b.name} learned`);
  });

  /** The table as it is seen while the attack lasts. */
  async function stationsDuring(end: Promise<Sprayed>): Promise<(readonly Station[])[]> {
    let isOver = false;
    const over = end.finally(() => {
      isOver = true;
    });
    const seen: (readonly Station[])[] = [];
    do {
      seen.push(await stationsOf(a));
      await Promise.race([over, sleep(1_000)]);
    } while (!isOver);
    return seen;
  }
});
