/** Two Layer 2 networks in one agent: the same stations in both, and no frame from one in the other. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Agent, AgentDirectory } from '../support/agent.ts';
import { Capture, datagramsTo } from '../support/capture.ts';
import { describeHosts } from '../support/describe-hosts.ts';
import { Lab, type Namespace } from '../support/netns.ts';
import { BROADCAST, numbersFrom, sendNumbered } from '../support/numbered-frame.ts';
import { parseSealed } from '../support/sealed-frame.ts';
import { type Member, meshMembers, networkAgents, startAll } from '../support/segment.ts';
import { places, stationsOf } from '../support/switch-view.ts';
import { ping } from '../support/traffic.ts';
import { two } from '../support/tuple.ts';

const DATA_PORT = 6_081;
const NETWORKS = [
  { name: 'red', vni: 101 },
  { name: 'blue', vni: 102 },
] as const;
type NetworkName = (typeof NETWORKS)[number]['name'];
/** The same in both networks. */
const STATIONS = [
  { mac: '02:00:00:00:00:01', address: '10.5.0.1' },
  { mac: '02:00:00:00:00:02', address: '10.5.0.2' },
] as const;
const COUNT = 50;
const NUMBERS = [...Array(COUNT).keys()];
const SETTLE_MS = 200;
const FORGED = '02:aa:00:00:00:01';
/** Everyone, a group, and a station that nobody knows. */
const DESTINATIONS = [BROADCAST, '01:00:5e:7f:12:34', '02:aa:00:00:00:99'];

/** A TAP for the host, and a station in a host of its own behind a port. */
function planNetworks(lab: Lab, { host }: Member, own: number): Record<NetworkName, Namespace> {
  const [red, blue] = NETWORKS.map(({ name }) => {
    const station = lab.addHost(`${host.label}-${name}`);
    const { mac, address } = STATIONS[own] ?? STATIONS[0];
    host.ip(`link add ${name}0 type veth peer name eth0 netns ${station.name}`);
    host.ip(`link set ${name}0 addrgenmode none up`);
    station.ip(`link set eth0 address ${mac} up`);
    station.ip(`address add ${address}/24 dev eth0`);
    return station;
  });
  if (red === undefined || blue === undefined) throw new TypeError('two networks');
  return { red, blue };
}

describeHosts('Two networks in one agent', () => {
  const lab = new Lab();
  const directory = new AgentDirectory();
  let a: Agent;
  let b: Agent;
  let behindA: Record<NetworkName, Namespace>;
  let behindB: Record<NetworkName, Namespace>;

  beforeAll(async () => {
    const members = meshMembers(lab, ['a', 'b'], { segmented: true });
    [behindA, behindB] = two(members.map((member, own) => planNetworks(lab, member, own)));
    const agents = networkAgents(
      directory,
      members.map((member, own) => ({
        ...member,
        networks: NETWORKS.map(({ name, vni }, index) => ({
          settings: { name, vni, mode: 'l2', address: [`10.66.${index}.${own + 1}/24`] },
          ports: [{ type: 'interface', name: 'station', device: `${name}0` }],
        })),
      })),
    );
    await startAll(agents);
    [a, b] = two(agents);
    const { mtu } = (await a.status()).interface;
    for (const station of [behindA, behindB].flatMap(({ red, blue }) => [red, blue])) {
      station.ip(`link set eth0 mtu ${mtu}`);
    }
  });
  afterAll(() => {
    lab.close();
    directory.remove();
  });

  test('stations and TAPs of each reach each other', async () => {
    for (const { name } of NETWORKS) {
      const { received } = await ping(behindA[name], STATIONS[1].address, { count: 3, timeoutMs: 3_000 });
      expect({ name, received }).toEqual({ name, received: 3 });
    }
    for (const address of ['10.66.0.2', '10.66.1.2']) {
      expect((await ping(a.host, address, { count: 3, timeoutMs: 3_000 })).received).toBe(3);
    }
  });

  test('the same station in both is two: one is away, the other answers', async () => {
    behindB.blue.ip('link set eth0 down');
    try {
      const [red, blue] = await Promise.all([
        ping(behindA.red, STATIONS[1].address, { count: 3, timeoutMs: 1_000 }),
        ping(behindA.blue, STATIONS[1].address, { count: 3, timeoutMs: 1_000 }),
      ]);
      expect([red.received, blue.received]).toEqual([3, 0]);
    } finally {
      behindB.blue.ip('link set eth0 up');
    }
    const again = await ping(behindA.blue, STATIONS[1].address, { count: 3, timeoutMs: 3_000 });
    expect(again.received).toBe(3);
  });

  test('each network has stations of its own, the same address at its own place', async () => {
    for (const { name } of NETWORKS) {
      const found = places(await stationsOf(a, name));
      expect(found).toContain(`${STATIONS[0].mac} port station learned`);
      expect(found).toContain(`${STATIONS[1].mac} peer ${b.name} learned`);
    }
  });

  test.each(NETWORKS)('no frame of $name comes out in the other', async ({ name, vni }) => {
    const other = name === 'red' ? 'blue' : 'red';
    const file = (what: string) => join(directory.path, `${name}-${what}.pcap`);
    const [own, ...others] = await Promise.all([
      Capture.start(behindB[name], 'eth0', file('own')),
      Capture.start(behindB[other], 'eth0', file('station-b')),
      Capture.start(behindA[other], 'eth0', file('station-a')),
      Capture.start(a.host, other, file('tap-a')),
      Capture.start(b.host, other, file('tap-b')),
    ]);
    const underlay = await Capture.start(a.host, 'eth0', file('underlay'));
    for (const destination of DESTINATIONS) {
      await sendNumbered(behindA[name], 'eth0', { destination, source: FORGED }, COUNT);
    }
    await sleep(SETTLE_MS);
    expect(numbersFrom(await own.stop(), FORGED)).toEqual(DESTINATIONS.flatMap(() => NUMBERS));
    for (const capture of others) expect(numbersFrom(await capture.stop(), FORGED)).toEqual([]);
    const sealed = datagramsTo(await underlay.stop(), DATA_PORT)
      .filter(({ source }) => source === '192.0.2.1')
      .map(({ payload }) => parseSealed(payload))
      .filter(({ protocolType }) => protocolType !== 0);
    expect(sealed.filter((frame) => frame.vni === vni).length).toBeGreaterThanOrEqual(
      DESTINATIONS.length * COUNT,
    );
  });
});
