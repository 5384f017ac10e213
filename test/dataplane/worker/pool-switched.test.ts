/** Ethernet networks in two pools: frames over TAPs, replaced threads, and ports that come and go. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { PeerSpec } from '../../../dataplane/contract.ts';
import { ProbeSocket } from '../../../dataplane/io/probe-socket.ts';
import { CounterBlock } from '../../../dataplane/path/counters.ts';
import { DROPS, DropCode, dropInfo } from '../../../dataplane/path/drop.ts';
import type { PoolSwitch } from '../../../dataplane/worker/pool-switch.ts';
import type { PortOptions } from '../../../dataplane/worker/port-options.ts';
import { describeHosts } from '../../support/describe-hosts.ts';
import { Lab } from '../../support/netns.ts';
import { descriptors, kill, openSite, peer, type Site, sa, VNI } from './pools.ts';
import { SWITCH } from './switch-rig.ts';

const WAIT_MS = 3_000;
const PORT = 6_081;
/** Beside the switched one: its packets use all queues. */
const ROUTED_VNI = 8;
const MTU = 1_374;

let generation = 0;
let udpPort = 30_000;

/** One lane, on SPIs of the receiver's first queue. */
async function rekey(from: Site, to: Site): Promise<void> {
  generation++;
  const spec = sa({ spi: generation * to.pool.lanes });
  await to.pool.installRx([{ ...spec, key: spec.key.slice() }]);
  await from.pool.installTx([spec]);
}

async function openL2Pair(lab: Lab, queues: number): Promise<{ a: Site; b: Site }> {
  const [ha, hb] = [lab.addHost('a'), lab.addHost('b')];
  lab.link(ha, hb, { addresses: [['192.0.2.1/24'], ['192.0.2.2/24']] });
  const networks = [
    { vni: VNI, interfaceName: 'icxm0', switch: SWITCH },
    { vni: ROUTED_VNI, interfaceName: 'icxm1', switch: null },
  ];
  const a = await openSite(ha, { queues, networks });
  const b = await openSite(hb, { queues, networks });
  for (const [site, own] of [
    [a, 1],
    [b, 2],
  ] as const) {
    site.host.ip(`link set icxm0 addrgenmode none mtu ${MTU} up`);
    site.host.ip(`address add 10.77.0.${own}/24 dev icxm0`);
    site.host.ip(`address add fd77::${own}/64 dev icxm0 nodad`);
    await site.pool.setPeers([peerOf(own)]);
  }
  await rekey(a, b);
  await rekey(b, a);
  return { a, b };
}

function peerOf(own: number, overrides: Partial<PeerSpec> = {}): PeerSpec {
  return peer({ endpoint: { address: `192.0.2.${3 - own}`, port: PORT }, ...overrides });
}

function switchOf({ pool }: Site): PoolSwitch {
  const own = pool.network(VNI)?.switch;
  if (!own) throw new Error('no switch');
  return own;
}

/** Datagrams from one host to the other. */
class Flow {
  readonly #sink: ProbeSocket;
  readonly #source: ProbeSocket;
  readonly #data = new Uint8Array(200).fill(0x5a);
  readonly #buffer = new Uint8Array(2_000);
  sent = 0;
  arrived = 0;

  constructor(from: Site, to: Site, address: string) {
    udpPort++;
    this.#sink = to.host.inside(() => new ProbeSocket(address, udpPort, true));
    this.#source = from.host.inside(() => new ProbeSocket(address, udpPort, false));
  }

  /** Sends some, and waits until all that were ever sent are there. */
  async run(count: number, waitMs: number): Promise<void> {
    for (let i = 0; i < count; i++) this.#source.send(this.#data);
    this.sent += count;
    for (
      const endAtMs = performance.now() + waitMs;
      this.arrived < this.sent && performance.now() < endAtMs;
    ) {
      await sleep(5);
      while (this.#sink.receive(this.#buffer) === this.#data.length) this.arrived++;
    }
  }

  close(): void {
    this.#sink.close();
    this.#source.close();
  }
}

/** Sends datagrams from one host to the other. @returns How many came. */
async function exchange(
  from: Site,
  to: Site,
  address: string,
  count = 10,
  waitMs = WAIT_MS,
): Promise<number> {
  const flow = new Flow(from, to, address);
  await flow.run(count, waitMs);
  flow.close();
  return flow.arrived;
}

function totals(site: Site, queue?: number) {
  return CounterBlock.sumAll(site.pool.counters.filter((_, i) => queue === undefined || i === queue));
}

function expectAccounted(site: Site): void {
  const { rxReceived, rxPackets, rxKeepalives, txReceived, txPackets, drops } = totals(site);
  const sum = (direction: string) =>
    DROPS.reduce(
      (all, code) => (dropInfo(code).direction === direction ? all + (drops.get(code) ?? 0) : all),
      0,
    );
  expect(rxReceived).toBe(rxPackets + rxKeepalives + sum('rx'));
  expect(txReceived).toBe(txPackets + sum('tx'));
}

describeHosts('WorkerPool with an Ethernet network', () => {
  describe.each([1, 2])('and %i queues', (queues) => {
    let lab: Lab;
    let a: Site;
    let b: Site;
    let room: string;

    beforeAll(async () => {
      room = mkdtempSync(join(tmpdir(), 'icx-pool-switched-'));
      lab = new Lab();
      ({ a, b } = await openL2Pair(lab, queues));
    });
    afterAll(async () => {
      await Promise.all([a?.pool.close(), b?.pool.close()]);
      lab?.close();
      expect(readdirSync(room)).toEqual([]);
      rmSync(room, { recursive: true });
    });
    afterEach(() => {
      for (const site of [a, b]) expectAccounted(site);
    });

    const unix = (name: string): PortOptions => ({
      type: 'unix',
      name,
      path: join(room, name),
      remote: null,
      mode: 0o600,
      mtuBytes: 1_500,
      maxStations: null,
      addresses: [],
    });
    const vxlan = (name: string): PortOptions => ({
      type: 'vxlan',
      name,
      vni: 42,
      listen: '127.0.0.1',
      listenPort: 4_789,
      remotes: ['127.0.0.2'],
      group: null,
      device: null,
      learnRemotes: true,
      ttl: 1,
      maxStations: null,
      mtuBytes: 1_406,
    });

    test('one queue serves it, with one lane', () => {
      expect(a.pool.lanesOf(VNI)).toEqual({ lanes: 1, queues, queue: 0 });
      expect(a.pool.lanesOf(ROUTED_VNI)).toEqual({ lanes: queues, queues, queue: null });
      expect(a.pool.network(VNI)?.device?.fds).toHaveLength(1);
      expect(a.pool.network(ROUTED_VNI)?.device?.fds).toHaveLength(queues);
    });

    test.each([
      ['10.77.0.1', '10.77.0.2'],
      ['fd77::1', 'fd77::2'],
    ])('carries %s to %s and back, and counts it on its queue alone', async (own, other) => {
      expect(await exchange(a, b, other)).toBe(10);
      expect(await exchange(b, a, own)).toBe(10);
      expect((await switchOf(a).stations()).map(({ port }) => port)).toContain(1);
      for (const site of [a, b]) {
        for (let queue = 1; queue < queues; queue++) {
          expect(totals(site, queue)).toMatchObject({ rxReceived: 0, txReceived: 0 });
        }
      }
    });

    test('an SA whose SPI is another queue’s is refused there', async () => {
      const spec = sa({ spi: 100 * queues + queues - 1 });
      const installed = a.pool.installRx([spec]);
      if (queues === 1) await installed;
      else await expect(installed).rejects.toThrow('No peer has slot 1');
      await a.pool.removeRx([spec.spi]);
    });

    test('a rate limit is not shared out: one queue has all of it', async () => {
      await b.pool.setPeers([peerOf(2, { rxRateLimitPps: 1_000 })]);
      // With half of the limit its burst would be too small as well.
      expect(await exchange(a, b, '10.77.0.2', 30)).toBe(30);
      expect(totals(b).drops.get(DropCode.rxRateLimited)).toBe(0);
      await b.pool.setPeers([peerOf(2)]);
    });

    test('a thread that dies comes back with ports, stations and neighbours, and carries after a rekey', async () => {
      const own = switchOf(b);
      await own.addPort(unix('vm'));
      await own.addStation('02:00:00:00:00:77', own.portId('vm') ?? 0);
      await own.addStation('02:00:00:00:00:78', 1);
      await own.setNeighbour('10.77.0.77', '02:00:00:00:00:78', 1);
      const replaced = b.heard.replaced.length;
      kill(b.pool, 0);
      await expect(own.addPort(unix('late'))).rejects.toMatchObject({ code: 'ERR_ICX_WORKER_DEAD' });
      expect(await own.read()).toBeNull();
      await expect.poll(() => b.heard.replaced.length, { timeout: 10_000 }).toBe(replaced + 1);
      const reading = await own.read();
      expect(reading?.ports.map(({ id }) => id)).toEqual([own.portId('icxm0'), own.portId('vm'), 1]);
      const bound = (await own.stations()).filter(({ isStatic }) => isStatic);
      expect(bound.map(({ mac, port }) => [mac, port]).sort()).toEqual([
        ['02:00:00:00:00:77', own.portId('vm')],
        ['02:00:00:00:00:78', 1],
      ]);
      expect((await own.neighbours()).filter(({ isStatic }) => isStatic)).toMatchObject([
        { ip: '10.77.0.77', port: 1 },
      ]);
      expect(await exchange(a, b, '10.77.0.2', 1, 200)).toBe(0);
      await rekey(a, b);
      await rekey(b, a);
      expect(await exchange(a, b, '10.77.0.2')).toBe(10);
      expect(await exchange(b, a, '10.77.0.1')).toBe(10);
      await own.removePort('vm');
      await own.removeStation('02:00:00:00:00:78');
      await own.removeNeighbour('10.77.0.77');
    });

    test('a port that is removed while its thread is gone is gone with it', async () => {
      const own = switchOf(b);
      const before = descriptors();
      await own.addPort(unix('vm'));
      const replaced = b.heard.replaced.length;
      kill(b.pool, 0);
      expect(await own.removePort('vm')).toBe(true);
      expect(readdirSync(room)).toEqual([]);
      await expect.poll(() => b.heard.replaced.length, { timeout: 10_000 }).toBe(replaced + 1);
      expect((await own.read())?.ports.map(({ id }) => id)).toEqual([own.portId('icxm0'), 1]);
      expect(descriptors().filter((each) => /socket/.test(each))).toHaveLength(
        before.filter((each) => /socket/.test(each)).length,
      );
      await rekey(a, b);
      await rekey(b, a);
      expect(await exchange(a, b, '10.77.0.2')).toBe(10);
    });

    test.each<[string, () => PortOptions]>([
      ['Unix sockets', () => unix('vm')],
      ['interfaces', () => ({ type: 'interface', name: 'wire', device: 'wire0', maxStations: null })],
      ['VXLAN tunnels', () => vxlan('fabric')],
    ])('%s come and go 100 times under traffic, and leave nothing', async (_, options) => {
      a.host.ip('link add wire0 type veth peer name wire1');
      a.host.ip('link set wire0 up');
      const own = switchOf(a);
      // Opened before the first await.
      const add = () => a.host.inside(() => own.addPort(options()));
      const { name } = options();
      // What the first of a kind opens for good is no leak.
      await add();
      await own.removePort(name);
      const flow = new Flow(a, b, '10.77.0.2');
      const before = descriptors();
      const reading = await own.read();
      const ids = new Set<number>();
      const traffic = { ends: false };
      const run = async () => {
        while (!traffic.ends) await flow.run(5, WAIT_MS);
      };
      const running = run();
      for (let i = 0; i < 100; i++) {
        await add();
        ids.add(own.portId(name) ?? 0);
        expect(await own.removePort(name)).toBe(true);
      }
      traffic.ends = true;
      await running;
      expect(flow.arrived).toBeGreaterThan(0);
      expect(flow.arrived).toBe(flow.sent);
      expect(ids.size).toBe(1);
      expect(descriptors()).toEqual(before);
      expect((await own.read())?.ports.map(({ id }) => id)).toEqual(reading?.ports.map(({ id }) => id));
      flow.close();
      a.host.ip('link del wire0');
    });

    test('networks come and go 20 times, and leave nothing', async () => {
      const add = () =>
        a.host.enter(() => a.pool.addNetwork({ vni: 99, interfaceName: 'icxm9', switch: SWITCH }));
      await add();
      await a.pool.removeNetwork(99);
      const before = descriptors();
      for (let i = 0; i < 20; i++) {
        const network = await add();
        await a.host.enter(() => network.switch?.addPort(unix('vm')));
        await a.pool.setPeers([peer({ slot: 2, vni: 99 })]);
        await a.pool.removeNetwork(99);
      }
      expect(descriptors()).toEqual(before);
      expect(await exchange(a, b, '10.77.0.2')).toBe(10);
    });

    test('a network that its queue refuses leaves nothing', async () => {
      const before = descriptors();
      const bad = { vni: 98, interfaceName: 'icxm8', switch: { ...SWITCH, maxStations: 0 } };
      await expect(a.host.enter(() => a.pool.addNetwork(bad))).rejects.toThrow('forwarding database of 0');
      await expect(a.host.enter(() => a.pool.addNetwork({ ...bad, vni: 0, switch: SWITCH }))).rejects.toThrow(
        'VNI 0',
      );
      expect(descriptors()).toEqual(before);
      expect(a.host.ip('-br link')).not.toContain('icxm8');
    });

    test('a port whose interface somebody removes is told by name, and may be removed', async () => {
      a.host.ip('link add wire0 type veth peer name wire1');
      a.host.ip('link set wire0 up');
      const own = switchOf(a);
      await a.host.enter(() =>
        own.addPort({ type: 'interface', name: 'wire', device: 'wire0', maxStations: null }),
      );
      a.host.ip('link del wire0');
      await expect.poll(() => a.heard.portsLost, { timeout: WAIT_MS }).toEqual(['wire']);
      expect((await own.read())?.ports.find(({ id }) => id === own.portId('wire'))?.isClosed).toBe(true);
      expect(a.heard.lost).toBe(0);
      expect(a.pool.fault).toBeNull();
      expect(await own.removePort('wire')).toBe(true);
      a.heard.portsLost.length = 0;
    });

    test('the network’s own interface that somebody removes is told once', async () => {
      a.host.ip('link del icxm0');
      await expect.poll(() => a.heard.lost, { timeout: WAIT_MS }).toBe(1);
      expect(a.pool.fault).toBe('somebody removed the interface icxm0');
      expect(a.heard.portsLost).toEqual([]);
    });
  });
});
