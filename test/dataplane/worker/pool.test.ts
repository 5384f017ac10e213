/** The pool's life: what opening makes, closing removes, and commands answer. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { describeHosts } from '../../support/describe-hosts.ts';
import { Lab, type Namespace } from '../../support/netns.ts';
import { cpuShare, descriptors, kill, openSite, peer, type Site, sa, VNI } from './pools.ts';

describeHosts('WorkerPool', () => {
  let lab: Lab;
  let host: Namespace;
  const sites: Site[] = [];
  const rejections: unknown[] = [];
  const noteRejection = (reason: unknown) => rejections.push(reason);

  beforeAll(async () => {
    lab = new Lab();
    host = lab.addHost('m');
    process.on('unhandledRejection', noteRejection);
    // What the first thread of a process opens for good is no leak.
    await (await openSite(host)).pool.close();
  });
  afterEach(async () => {
    await Promise.all(sites.splice(0).map(({ pool }) => pool.close()));
    expect(rejections).toEqual([]);
  });
  afterAll(() => {
    process.removeListener('unhandledRejection', noteRejection);
    lab?.close();
  });

  async function open(options: Parameters<typeof openSite>[1] = {}): Promise<Site> {
    const site = await openSite(host, options);
    sites.push(site);
    return site;
  }

  function links(): string[] {
    return JSON.parse(host.ip('-j link')).map(({ ifname }: { ifname: string }) => ifname);
  }

  test('uses less than 1 % of a core without traffic', async () => {
    await open({ queues: 2 });
    expect(await cpuShare(2_000)).toBeLessThan(0.01);
  });

  test.each([1, 3])('open() makes, and close() removes within 1 s, what %i queues need', async (queues) => {
    const before = descriptors();
    const { pool } = await open({ queues });
    expect(links()).toContain('icxm0');
    expect(pool).toMatchObject({ lanes: queues, warning: null });
    expect(pool.network(VNI)?.device?.name).toBe('icxm0');
    expect(pool.lanesOf(VNI)).toEqual({ lanes: queues, queues, queue: null });
    expect(pool.aead).toMatch(/^OpenSSL 3/);
    expect(pool.sourcePorts[0]).toBe(6_081);
    expect(new Set(pool.sourcePorts).size).toBe(queues);
    const startedAtMs = performance.now();
    await pool.close();
    expect(performance.now() - startedAtMs).toBeLessThan(1_000);
    expect(links()).not.toContain('icxm0');
    expect(descriptors()).toEqual(before);
    await pool.close();
  });

  test('20 opens and closes leave no descriptor behind', async () => {
    const before = descriptors();
    for (let i = 0; i < 20; i++) {
      const { pool } = await openSite(host, { queues: 1 + (i % 2) });
      await pool.close();
    }
    expect(descriptors()).toEqual(before);
    expect(links()).not.toContain('icxm0');
  });

  describe('open() that fails leaves no descriptor, interface or thread', () => {
    test.each([
      ['a VNI that no network can have', { vni: 0 }, /vni|VNI/],
      ['more peers than counters can be', { maxPeers: 70_000 }, /counter slots/],
      ['an address that is not here', { listen: '192.0.2.77' }, /192\.0\.2\.77 port 6081.*EADDRNOTAVAIL/],
    ])('because of %s', async (_, options, message) => {
      const before = descriptors();
      for (const queues of [1, 2]) await expect(open({ queues, ...options })).rejects.toThrow(message);
      await sleep(50);
      expect(descriptors()).toEqual(before);
      expect(links()).not.toContain('icxm0');
    });

    test.each([1, 2])('because another pool of %i queues has the port, and says so', async (queues) => {
      const { pool } = await open({ queues });
      const before = descriptors();
      await expect(open({ queues, interfaceName: 'icxm1' })).rejects.toThrow(
        /Cannot bind UDP 0\.0\.0\.0 port 6081: .*is another agent running, or set listen_port/,
      );
      expect(descriptors()).toEqual(before);
      expect(links()).not.toContain('icxm1');
      await pool.setPeers([peer()]);
    });

    test.each([1, 2])('because another pool of %i queues has the interface', async (queues) => {
      await open({ queues });
      const before = descriptors();
      await expect(open({ queues, listenPort: 6_091 })).rejects.toThrow(/TUN interface icxm0.*EBUSY/);
      expect(descriptors()).toEqual(before);
    });
  });

  test('a command that a guard refuses rejects with its code and message', async () => {
    const { pool } = await open({ queues: 2 });
    const routes = [{ dst: '10.77.0.2/32', src: '0.0.0.0/0' }];
    await pool.setPeers([peer({ routes })]);
    await expect(pool.setPeers([peer({ slot: 2, routes })])).rejects.toMatchObject({
      name: 'WorkerError',
      code: 'ERR_ICX_ROUTE_COLLISION',
      message: expect.stringContaining('10.77.0.2/32'),
    });
    await expect(pool.setPeers([peer({ slot: 9 })])).rejects.toMatchObject({
      code: 'ERR_ICX_DATAPLANE',
      message: 'Cannot use slot 9: expected 1 to 4',
    });
    await expect(pool.installRx([sa({ spi: 0 })])).rejects.toMatchObject({
      code: expect.stringMatching(/^ERR_ICX_SA_/),
    });
    await expect(pool.installTx([sa({ slot: 3 })])).rejects.toThrow('No peer has slot 3');
    await pool.setPeers([peer({ routes: [] })]);
  });

  test('addRoutes() and removeRoutes() change single routes, which a thread that is replaced knows', async () => {
    const { pool, heard } = await open();
    const [a, b] = ['10.88.0.1/32', '10.88.0.2/32'].map((dst) => [{ dst, src: '0.0.0.0/0' }]);
    await pool.setPeers([peer({ routes: [] }), peer({ slot: 2 })]);
    await pool.addRoutes(1, [...(a ?? []), ...(b ?? [])]);
    const collision = { code: 'ERR_ICX_ROUTE_COLLISION' };
    await expect(pool.addRoutes(2, b ?? [])).rejects.toMatchObject(collision);
    await pool.removeRoutes(1, b ?? []);
    await pool.addRoutes(2, b ?? []);
    kill(pool, 0);
    await expect.poll(() => heard.replaced.length, { timeout: 10_000 }).toBe(1);
    await expect(pool.setPeers([peer({ slot: 3, routes: a ?? [] })])).rejects.toMatchObject(collision);
    await pool.removeRoutes(1, a ?? []);
    await pool.setPeers([peer({ slot: 3, routes: a ?? [] })]);
    await expect(pool.addRoutes(1, b ?? [])).rejects.toMatchObject(collision);
  });

  test('addRoutes() and removeRoutes() go to the queues that serve the network', async () => {
    const { pool } = await open({ queues: 2 });
    await pool.addNetwork({ vni: 8, interfaceName: null, switch: null });
    await pool.setPeers([peer({ slot: 3, vni: 8 })]);
    const routes = [{ dst: '10.88.0.1/32', src: '0.0.0.0/0' }];
    await pool.addRoutes(3, routes);
    await pool.removeRoutes(3, routes);
    await expect(pool.addRoutes(4, routes)).rejects.toThrow('No peer has slot 4');
  });

  test('installRx() and installTx() overwrite the keys that they are given, refused or not', async () => {
    const { pool } = await open({ queues: 2 });
    await pool.setPeers([peer()]);
    const good = [sa({ spi: 2 }), sa({ spi: 3 })];
    const bad = [sa({ spi: 0 }), sa({ spi: 5, slot: 3 })];
    const sends = [sa({ spi: 0x4000_0001 }), sa({ spi: 0x4000_0002, lane: 1 })];
    await pool.installRx(good);
    await expect(pool.installRx(bad)).rejects.toThrow();
    await pool.installTx(sends);
    for (const { key } of [...good, ...bad, ...sends]) expect(key).toEqual(new Uint8Array(16));
  });

  test('SAs go to the queue that owns them, and progress() gathers them', async () => {
    const { pool } = await open({ queues: 2 });
    await pool.setPeers([peer({ endpoint: { address: '192.0.2.9', port: 7_000 } })]);
    await pool.installRx([4, 5, 7].map((spi) => sa({ spi: (spi | 0x8000_0000) >>> 0, lane: spi % 2 })));
    await pool.installTx([sa({ spi: 10, lane: 0 }), sa({ spi: 11, lane: 1 })]);
    const progress = await pool.progress(1);
    expect(progress).toMatchObject({ endpoint: { address: '192.0.2.9', port: 7_000 }, lastRxAtMs: 0 });
    expect(progress.rxSas.map(({ spi }) => spi)).toEqual([0x8000_0004, 0x8000_0005, 0x8000_0007]);
    expect(progress.txSas.map(({ spi, lane }) => [spi, lane])).toEqual([
      [10, 0],
      [11, 1],
    ]);
    await pool.removeRx([0x8000_0005]);
    await pool.removeTx(1);
    const after = await pool.progress(1);
    expect(after.rxSas.map(({ spi }) => spi)).toEqual([0x8000_0004, 0x8000_0007]);
    expect(after.txSas).toEqual([]);
    await pool.removePeer(1);
    expect(await pool.progress(1)).toMatchObject({ endpoint: null, rxSas: [], txSas: [] });
  });

  test('progress() names the send SA that was replaced last, with its final count', async () => {
    const { pool } = await open();
    await pool.setPeers([peer({ endpoint: { address: '127.0.0.1', port: 9 } })]);
    await pool.installTx([sa({ spi: 10 })]);
    for (let i = 0; i < 3; i++) pool.sendKeepalive(1);
    await pool.installTx([sa({ spi: 11 })]);
    pool.sendKeepalive(1);
    const { txSas } = await pool.progress(1);
    expect(txSas.map(({ spi, packets }) => [spi, packets])).toEqual([
      [11, 1],
      [10, 3],
    ]);
    await pool.installTx([sa({ spi: 12 })]);
    expect((await pool.progress(1)).txSas.map(({ spi, packets }) => [spi, packets])).toEqual([
      [12, 0],
      [11, 1],
    ]);
  });

  test('commands after close() reject, and removals are done', async () => {
    const { pool } = await open();
    await pool.close();
    await expect(pool.setPeers([peer()])).rejects.toMatchObject({ code: 'ERR_ICX_WORKER_DEAD' });
    await expect(pool.installRx([sa()])).rejects.toMatchObject({ code: 'ERR_ICX_WORKER_DEAD' });
    await pool.removeTx(1);
    pool.sendKeepalive(1);
    expect(await pool.progress(1)).toMatchObject({ rxSas: [] });
  });

  test('close() during the pause before a thread is replaced leaves nothing', async () => {
    const before = descriptors();
    const { pool, heard } = await open();
    kill(pool, 0);
    await expect(pool.setPeers([peer()])).rejects.toMatchObject({ code: 'ERR_ICX_WORKER_DEAD' });
    await pool.close();
    await sleep(1_200);
    expect(heard.replaced).toEqual([]);
    expect(descriptors()).toEqual(before);
  });

  test('an interface that somebody removes is told once, and costs no time', async () => {
    const { pool, heard } = await open({ queues: 2 });
    host.ip('link del icxm0');
    await expect.poll(() => heard.lost, { timeout: 5_000 }).toBe(1);
    expect(pool.fault).toBe('somebody removed the interface icxm0');
    expect(await cpuShare(500)).toBeLessThan(0.05);
    expect(heard.lost).toBe(1);
    await pool.setPeers([peer()]);
  });
});
