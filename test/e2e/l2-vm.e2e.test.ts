/** Virtual machines on two hosts are on one segment, each by a datagram socket of its host's agent. */
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Agent, AgentDirectory } from '../support/agent.ts';
import { describeHosts } from '../support/describe-hosts.ts';
import { overlay4 } from '../support/mesh.ts';
import { Lab, type Namespace } from '../support/netns.ts';
import { meshMembers, segmentAgents, startAll } from '../support/segment.ts';
import { places, stationsOf } from '../support/switch-view.ts';
import { missingTools, testUnless } from '../support/tools.ts';
import { ping, untilPing } from '../support/traffic.ts';
import { two } from '../support/tuple.ts';
import { askStation, EchoStation } from '../support/unix-station.ts';
import { VM_PROGRAMS, Vm } from '../support/vm.ts';
import { missingKernel } from '../support/vm-kernel.ts';

const GUEST_A = { mac: '02:00:00:00:01:01', address: '10.77.0.101' } as const;
const GUEST_B = { mac: '02:00:00:00:01:02', address: '10.77.0.102' } as const;
const STATION_A = '02:00:00:00:02:01';
const STATION_B = '02:00:00:00:02:02';
const COPIED = 1_000_000;
const IPV4_ICMP_LEN = 28;
/** Both machines are emulated and share the processors with all else. */
const MACHINES_TIMEOUT_MS = 120_000;

describeHosts('Machines on two hosts', () => {
  const lab = new Lab();
  const directory = new AgentDirectory();
  let a: Agent;
  let b: Agent;
  const path = (name: string) => join(directory.path, `${name}.sock`);

  beforeAll(async () => {
    const members = meshMembers(lab, ['a', 'b']);
    const agents = segmentAgents(
      directory,
      members.map((member, own) => ({ ...member, ports: portsOf(own) })),
    );
    await startAll(agents);
    [a, b] = two(agents);
  });
  afterAll(() => {
    lab.close();
    directory.remove();
  });

  /** A's ports learn where their machines are, B's are told. */
  function portsOf(own: number) {
    const side = own === 0 ? 'a' : 'b';
    return ['guest', 'station'].map((name) => ({
      type: 'unix',
      name,
      path: path(`${name}-port-${side}`),
      ...(own === 0 ? {} : { remote: path(`${name}-${side}`) }),
    }));
  }

  test('stations on sockets exchange frames of all lengths, and agents know where they are', async () => {
    const [stationA, stationB] = [
      { mac: STATION_A, path: path('station-a'), remote: path('station-port-a') },
      { mac: STATION_B, path: path('station-b'), remote: path('station-port-b') },
    ];
    for (const [host, echo, from, asks] of [
      [a.host, stationA, b.host, stationB],
      [b.host, stationB, a.host, stationA],
    ] as const) {
      const station = await EchoStation.start(host, echo);
      expect(await askStation(from, asks, echo.mac, 200)).toEqual({ sent: 200, received: 200 });
      expect(await station.stop()).toBe(200);
    }
    expect(places(await stationsOf(a))).toEqual(
      expect.arrayContaining([`${STATION_A} port station learned`, `${STATION_B} peer ${b.name} learned`]),
    );
  });

  test('a station that comes back under another path is found there', async () => {
    const remote = path('station-port-a');
    for (const name of ['station-a', 'station-again']) {
      const station = await EchoStation.start(a.host, { mac: STATION_A, path: path(name), remote });
      const asks = { mac: STATION_B, path: path('station-b'), remote: path('station-port-b') };
      expect(await askStation(b.host, asks, STATION_A, 20)).toEqual({ sent: 20, received: 20 });
      await station.stop();
    }
  });

  testUnless(
    missingTools(VM_PROGRAMS) ?? missingKernel(),
    'QEMU machines on both hosts ping each other and the hosts, and exchange a file by TCP',
    async () => {
      const { mtu } = (await a.status()).interface;
      const start = (host: Namespace, side: string, { mac, address }: typeof GUEST_A | typeof GUEST_B) =>
        new Vm(host, directory.path, {
          name: `guest-${side}`,
          mac,
          address: `${address}/24`,
          mtu,
          path: path(`guest-${side}`),
          remote: path(`guest-port-${side}`),
        });
      const guests = [start(a.host, 'a', GUEST_A), start(b.host, 'b', GUEST_B)] as const;
      try {
        await Promise.all(guests.map((guest) => guest.booted()));
        await untilPing(a.host, GUEST_A.address, 10_000);
        await untilPing(b.host, GUEST_B.address, 10_000);
        await expectPings(guests, mtu);
        await expectCopy(guests);
        await expectTagged(guests);
        expect(places(await stationsOf(a))).toEqual(
          expect.arrayContaining([
            `${GUEST_A.mac} port guest learned`,
            `${GUEST_B.mac} peer ${b.name} learned`,
          ]),
        );
      } finally {
        for (const guest of guests) await guest.kill();
      }
    },
    MACHINES_TIMEOUT_MS,
  );

  async function expectPings([guestA, guestB]: readonly [Vm, Vm], mtu: number): Promise<void> {
    for (const [guest, target] of [
      [guestA, GUEST_B.address],
      [guestB, GUEST_A.address],
      [guestA, overlay4(1)],
      [guestB, overlay4(1)],
    ] as const) {
      for (const dataLen of [56, mtu - IPV4_ICMP_LEN]) {
        const { output } = await guest.run(`ping -c 3 -i 0.2 -W 5 -s ${dataLen} ${target}`);
        expect(output).toContain(' 3 packets received');
      }
    }
    for (const { host } of [a, b]) {
      const settings = { count: 3, timeoutMs: 3_000 };
      expect((await ping(host, GUEST_B.address, settings)).received).toBe(3);
    }
  }
});

/** Random bytes from one machine to the other, compared by their hashes. */
async function expectCopy([from, to]: readonly [Vm, Vm]): Promise<void> {
  await from.run(`head -c ${COPIED} /dev/urandom > file && httpd -h /`);
  const { code, output } = await to.run(`wget -q -O copy http://${GUEST_A.address}/file`);
  expect({ code, output }).toEqual({ code: 0, output: '' });
  const sums = await Promise.all([from.run('md5sum < file'), to.run('md5sum < copy')]);
  expect(sums[1].output).toBe(sums[0].output);
  expect((await to.run('wc -c < copy')).output).toBe(`${COPIED}`);
}

/** Virtual LANs of the machines' own: who is in none hears nothing of it. */
async function expectTagged(guests: readonly [Vm, Vm]): Promise<void> {
  for (const [index, guest] of guests.entries()) {
    const { code, output } = await guest.run(
      `ip link add link eth0 name eth0.7 type vlan id 7 && ip link set eth0.7 up && ip address add 10.99.7.${index + 1}/24 dev eth0.7`,
    );
    expect({ code, output }).toEqual({ code: 0, output: '' });
  }
  expect((await guests[0].run('ping -c 3 -i 0.2 -W 5 10.99.7.2')).output).toContain(' 3 packets received');
}
