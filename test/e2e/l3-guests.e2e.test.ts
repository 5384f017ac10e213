/** Guests of a routed network on two hosts: each by a datagram socket of its host's agent, which is its router. */
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { PortStatus } from '../../cli/admin-l2-api.ts';
import { Agent, AgentDirectory, type Settings } from '../support/agent.ts';
import { describeHosts } from '../support/describe-hosts.ts';
import { overlay4, overlay6 } from '../support/mesh.ts';
import { Lab } from '../support/netns.ts';
import { meshMembers, startAll } from '../support/segment.ts';
import { ping } from '../support/traffic.ts';
import { two } from '../support/tuple.ts';
import { UnixGuest } from '../support/unix-guest.ts';

/** By host: the guest that is there from the start, and one that a reload brings. */
const GUESTS = [
  [
    { name: 'vm', address: ['10.77.1.9', 'fd77:1::9'] },
    { name: 'late', address: ['10.78.1.10', 'fd78:1::10'] },
  ],
  [
    { name: 'vm', address: ['10.77.2.9', 'fd77:2::9'] },
    { name: 'late', address: ['10.78.2.10', 'fd78:2::10'] },
  ],
] as const;
type Guest = (typeof GUESTS)[number][number];
const MAC = { vm: '02:00:00:00:03:01', late: '02:00:00:00:03:02' } as const;

describeHosts('Guests of a routed network', () => {
  const lab = new Lab();
  const directory = new AgentDirectory();
  let a: Agent;
  let b: Agent;
  let guestA: UnixGuest;
  let guestB: UnixGuest;
  const path = (name: string) => join(directory.path, `${name}.sock`);

  function portOf({ name, address }: Guest, own: number, more: Settings = {}): Settings {
    return { type: 'unix', name, path: path(`${name}-port-${own}`), address: [...address], ...more };
  }

  function writeConfig(own: number, ports: readonly Settings[]): void {
    const [agent, other] = own === 0 ? [a, b] : [b, a];
    const theirs = GUESTS[1 - own]?.flatMap(({ address }) => [`${address[0]}/32`, `${address[1]}/128`]) ?? [];
    agent.writeConfig({
      interface: { address: [`${overlay4(own)}/24`, `${overlay6(own)}/64`], queues: 2 },
      peers: [
        {
          name: other.name,
          public_key: other.keys.publicKey,
          endpoint: `192.0.2.${2 - own}`,
          allowed_ips: [`${overlay4(1 - own)}/32`, `${overlay6(1 - own)}/128`, ...theirs],
        },
      ],
      sections: ports.map((settings) => ({ title: '[[port]]', settings })),
    });
  }

  function startGuest(guest: Guest, own: number): Promise<UnixGuest> {
    const { host } = own === 0 ? a : b;
    const sockets = { path: path(`${guest.name}-${own}`), remote: path(`${guest.name}-port-${own}`) };
    return UnixGuest.start(host, { mac: MAC[guest.name], address: guest.address, ...sockets });
  }

  async function portsOf(agent: Agent): Promise<PortStatus[]> {
    const { networks } = await agent.admin.l2.portList({});
    return networks.flatMap(({ ports }) => ports);
  }

  async function dropsOf(agent: Agent, name: string): Promise<Record<string, number>> {
    const { rx = {} } = (await portsOf(agent)).find((port) => port.name === name)?.drops ?? {};
    return rx;
  }

  beforeAll(async () => {
    const members = meshMembers(lab, ['a', 'b']);
    [a, b] = two(members.map(({ host }, index) => new Agent(host, directory, `g${index + 1}`)));
    for (const own of [0, 1]) writeConfig(own, [portOf(GUESTS[own as 0 | 1][0], own)]);
    await startAll([a, b]);
    [guestA, guestB] = await Promise.all([startGuest(GUESTS[0][0], 0), startGuest(GUESTS[1][0], 1)]);
  });
  afterAll(() => {
    guestA?.kill();
    guestB?.kill();
    lab.close();
    directory.remove();
  });

  test.each([0, 1])('reach each other, both hosts, and take a hop at each router (IPv%#)', async (family) => {
    const [own, other] = [overlay4, overlay6].map((of) => [of(0), of(1)] as const)[family] ?? ['', ''];
    const far = GUESTS[1][0].address[family] ?? '';
    expect(await guestA.ping(far)).toEqual({ received: 3, hops: 62, errors: [] });
    expect(await guestA.ping(own)).toEqual({ received: 3, hops: 63, errors: [] });
    expect(await guestA.ping(other)).toEqual({ received: 3, hops: 63, errors: [] });
    const near = GUESTS[0][0].address[family] ?? '';
    for (const { host } of [a, b]) {
      expect((await ping(host, near, { count: 3, timeoutMs: 3_000 })).received).toBe(3);
    }
  });

  test('are told what is too large for the path, and that no hop is left', async () => {
    const mtu = (await a.status()).peers[0]?.path_mtu_bytes ?? 0;
    const [far4, far6] = GUESTS[1][0].address;
    expect(await guestA.ping(far4, { count: 1, len: mtu - 28 })).toMatchObject({ received: 1 });
    expect(await guestA.ping(far4, { count: 1, len: mtu - 27 })).toMatchObject({
      errors: [`too big: ${mtu}`],
    });
    expect(await guestA.ping(far6, { count: 1, len: mtu - 48 })).toMatchObject({ received: 1 });
    expect(await guestA.ping(far6, { count: 1, len: mtu - 47 })).toMatchObject({
      errors: [`too big: ${mtu}`],
    });
    for (const far of [far4, far6]) {
      expect(await guestA.ping(far, { count: 1, hops: 1 })).toMatchObject({ errors: ['time exceeded'] });
    }
  });

  test('can send from no address but their own', async () => {
    const before = await dropsOf(a, 'vm');
    for (const [family, from] of [overlay4(0), GUESTS[1][0].address[1]].entries()) {
      const to = [overlay4(1), overlay6(1)][family] ?? '';
      expect(await guestA.ping(to, { count: 2, from })).toMatchObject({ received: 0 });
    }
    const after = await dropsOf(a, 'vm');
    expect((after.inner_source ?? 0) - (before.inner_source ?? 0)).toBe(4);
  });

  test('are listed with their traffic and neighbours', async () => {
    const vm = (await portsOf(a)).find(({ name }) => name === 'vm');
    expect(vm).toMatchObject({ type: 'unix', state: 'up', stations: 2 });
    expect(vm?.rx_frames).toBeGreaterThan(0);
    expect(vm?.tx_frames).toBeGreaterThan(0);
    const { networks } = await a.admin.l2.neighShow({});
    const found = networks.flatMap(({ neighbours }) => neighbours);
    expect(found.map(({ ip, mac, port }) => `${ip} ${mac} ${port}`).sort()).toEqual(
      GUESTS[0][0].address.map((ip) => `${ip} ${MAC.vm} vm`).sort(),
    );
    expect((await a.status()).networks).toMatchObject([{ mode: 'l3', ports: 1, neighbours: 2 }]);
  });

  test('come and go by a reload, and leave the others and the keys alone', async () => {
    const spis = async () => (await a.status()).peers[0]?.sas.tx.map(({ spi }) => spi);
    const before = await spis();
    const [vm, late] = GUESTS[0];
    writeConfig(0, [portOf(vm, 0), portOf(late, 0)]);
    expect((await a.cli('reload', a.name)).code).toBe(0);
    const guest = await startGuest(late, 0);
    try {
      expect(await guest.ping(vm.address[0])).toMatchObject({ received: 3, hops: 63 });
      expect(await guest.ping(GUESTS[1][0].address[0])).toMatchObject({ received: 3, hops: 62 });
      // Not in the interface's own network: the host's kernel knows the way by the agent.
      expect((await ping(a.host, late.address[0], { count: 3, timeoutMs: 3_000 })).received).toBe(3);
      writeConfig(0, [portOf(vm, 0)]);
      expect((await a.cli('reload', a.name)).code).toBe(0);
      expect((await portsOf(a)).map(({ name }) => name)).toEqual(['vm', b.name]);
      expect(await guestB.ping(late.address[0], { count: 1 })).toMatchObject({ received: 0 });
      expect(await guestA.ping(GUESTS[1][0].address[0])).toMatchObject({ received: 3 });
      expect(await spis()).toEqual(before);
    } finally {
      guest.kill();
    }
  });

  test('come and go by command', async () => {
    const [, late] = GUESTS[1];
    const add = ['port', 'add', '-t', 'unix', '--name', 'late', '--path', path('late-port-1')];
    expect((await b.cli(...add)).stderr).toContain('no L2 network');
    const done = await b.cli(...add, '--address', late.address[0], '--address', late.address[1]);
    expect(done).toMatchObject({ code: 0, stderr: '' });
    const guest = await startGuest(late, 1);
    try {
      for (const far of GUESTS[0][0].address) expect(await guest.ping(far)).toMatchObject({ received: 3 });
      const again = await b.cli(
        ...add.map((word) => (word === 'late' ? 'other' : word.replace('late-port', 'other'))),
        '--address',
        late.address[0],
      );
      expect(again.code).toBe(1);
      expect((await b.cli('port', 'del', 'late')).code).toBe(0);
      expect(await guestB.ping(late.address[0], { count: 1 })).toMatchObject({ received: 0 });
    } finally {
      guest.kill();
    }
  });
});
