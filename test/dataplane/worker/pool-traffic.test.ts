/** Packets through two pools: both families, every queue, over replaced threads and narrow paths. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { SaProgress } from '../../../dataplane/contract.ts';
import { ProbeSocket } from '../../../dataplane/io/probe-socket.ts';
import { CounterBlock } from '../../../dataplane/path/counters.ts';
import { DropCode } from '../../../dataplane/path/drop.ts';
import { describeHosts } from '../../support/describe-hosts.ts';
import { Lab } from '../../support/netns.ts';
import { kill, openPair, peer, rekey, type Site } from './pools.ts';

const WAIT_MS = 3_000;
const ROUTES_TO_B = [
  { dst: '10.77.0.2/32', src: '0.0.0.0/0' },
  { dst: 'fd77::2/128', src: '::/0' },
];
let port = 20_000;

/** Sends datagrams of `len` bytes on `flows` flows, one after the other. @returns How many arrived. */
async function exchange(
  from: Site,
  to: Site,
  address: string,
  flows = 1,
  len = 100,
  waitMs = WAIT_MS,
): Promise<number> {
  port++;
  const sink = await to.host.enter(() => new ProbeSocket(address, port, true));
  const sources = await from.host.enter(() =>
    Array.from({ length: flows }, () => new ProbeSocket(address, port, false)),
  );
  const data = new Uint8Array(len).fill(0x5a);
  let arrived = 0;
  for (const source of sources) source.send(data);
  const buffer = new Uint8Array(2_000);
  for (const endAtMs = performance.now() + waitMs; arrived < flows && performance.now() < endAtMs; ) {
    // The threads report to this one, which must not sleep in poll.
    await sleep(5);
    while (sink.receive(buffer) === len) arrived++;
  }
  for (const socket of [sink, ...sources]) socket.close();
  return arrived;
}

function totals(site: Site, queue?: number) {
  return CounterBlock.sumAll(site.pool.counters.filter((_, i) => queue === undefined || i === queue));
}

describeHosts('WorkerPool', () => {
  describe.each([1, 2])('of %i queues', (queues) => {
    let lab: Lab;
    let a: Site;
    let b: Site;

    beforeAll(async () => {
      lab = new Lab();
      ({ a, b } = await openPair(lab, queues));
      await rekey(a, b);
      await rekey(b, a);
    });
    afterAll(async () => {
      await Promise.all([a?.pool.close(), b?.pool.close()]);
      lab?.close();
    });
    afterEach(() => {
      for (const site of [a, b]) {
        const { rxReceived, rxPackets, rxKeepalives, txReceived, txPackets, drops } = totals(site);
        const sum = (direction: 'rx' | 'tx') =>
          [...drops].reduce((all, [code, n]) => {
            const isRx = code <= DropCode.rxPortWrite;
            return isRx === (direction === 'rx') ? all + n : all;
          }, 0);
        expect(rxReceived).toBe(rxPackets + rxKeepalives + sum('rx'));
        expect(txReceived).toBe(txPackets + sum('tx'));
      }
    });

    test('a keepalive of lane 0 teaches every queue where the peer is', async () => {
      expect(b.heard.endpoints).toEqual([]);
      a.pool.sendKeepalive(1);
      await expect
        .poll(() => b.heard.endpoints, { timeout: WAIT_MS })
        .toEqual([[1, { address: '192.0.2.1', port: 6_081 }]]);
      expect(await exchange(b, a, '10.77.0.1', 16)).toBe(16);
      const { lastRxAtMs, endpoint } = await b.pool.progress(1);
      expect(endpoint).toEqual({ address: '192.0.2.1', port: 6_081 });
      expect(Math.abs(lastRxAtMs - Date.now())).toBeLessThan(10_000);
    });

    test.each([
      ['10.77.0.1', '10.77.0.2'],
      ['fd77::1', 'fd77::2'],
    ])('delivers both ways between %s and %s, on all queues', async (own, other) => {
      const before = [a, b].map((site) => totals(site));
      expect(await exchange(a, b, other, 32)).toBe(32);
      expect(await exchange(b, a, own, 32, 1_300)).toBe(32);
      for (const [i, site] of [a, b].entries()) {
        const { rxPackets, txPackets } = totals(site);
        expect(rxPackets - (before[i]?.rxPackets ?? 0)).toBe(32);
        expect(txPackets - (before[i]?.txPackets ?? 0)).toBe(32);
        for (let queue = 0; queue < queues; queue++) {
          // 32 flows all on one of two queues: once in 2^31 runs.
          expect(totals(site, queue).rxPackets).toBeGreaterThan(0);
          expect(totals(site, queue).txPackets).toBeGreaterThan(0);
        }
      }
    });

    test('progress() counts what each SA sealed and accepted', async () => {
      const fresh = await rekey(a, b);
      expect(await exchange(a, b, '10.77.0.2', 10)).toBe(10);
      const of = (sas: readonly SaProgress[]) =>
        fresh.map((spi) => sas.find((sa) => sa.spi === spi)?.packets ?? Number.NaN);
      const sealed = of((await a.pool.progress(1)).txSas);
      expect(of((await b.pool.progress(1)).rxSas)).toEqual(sealed);
      expect(sealed.reduce((sum, packets) => sum + packets, 0)).toBe(10);
    });

    test('retireRx() clamps the life of what it names and of nothing else', async () => {
      const old = await rekey(a, b);
      const fresh = await rekey(a, b);
      await b.pool.retireRx(old, 1);
      await expect
        .poll(async () => (await b.pool.progress(1)).rxSas.map(({ spi }) => spi), { timeout: WAIT_MS })
        .not.toContain(old[0]);
      expect((await b.pool.progress(1)).rxSas.map(({ spi }) => spi)).toEqual(expect.arrayContaining(fresh));
      expect(await exchange(a, b, '10.77.0.2', 8)).toBe(8);
    });

    test('a path that became too small is told, and its packets are counted', async () => {
      const before = totals(a).drops.get(DropCode.txTooLarge) ?? 0;
      for (const site of [a, b]) site.host.ip('link set eth0 mtu 1300');
      expect(await exchange(a, b, '10.77.0.2', 4, 1_300, 300)).toBe(0);
      await expect.poll(() => a.heard.tooSmall, { timeout: WAIT_MS }).toContain(1);
      expect((totals(a).drops.get(DropCode.txTooLarge) ?? 0) - before).toBe(4);
      a.pool.setFragmentation(true);
      expect(await exchange(a, b, '10.77.0.2', 4, 1_300)).toBe(4);
      a.pool.setFragmentation(false);
      for (const site of [a, b]) site.host.ip('link set eth0 mtu 1500');
    });

    test('a packet larger than the path is answered with the size that it takes', async () => {
      const own = peer({ endpoint: { address: '192.0.2.2', port: 6_081 }, routes: ROUTES_TO_B });
      await a.pool.setPeers([{ ...own, mtuBytes: 1_290 }]);
      for (const address of ['10.77.0.2', 'fd77::2']) {
        const family = address.includes(':') ? '-6' : '-4';
        expect(await exchange(a, b, address, 1, 1_300, 100)).toBe(0);
        // Which the sending host now knows, and keeps to by itself.
        expect(a.host.ip(`${family} route get ${address}`)).toContain(' mtu 1290 ');
        a.host.ip(`${family} route flush cache`);
      }
      await a.pool.setPeers([own]);
      expect(await exchange(a, b, '10.77.0.2', 1, 1_300)).toBe(1);
    });

    test.runIf(queues === 2)(
      'a peer with an interval gets keepalives, from the first queue alone',
      async () => {
        const own = peer({ endpoint: { address: '192.0.2.2', port: 6_081 }, routes: ROUTES_TO_B });
        const before = [0, 1].map((queue) => totals(a, queue).txKeepalives);
        const received = totals(b).rxKeepalives;
        await a.pool.setPeers([{ ...own, keepaliveMs: 1_000 }]);
        await expect.poll(() => totals(b).rxKeepalives - received, { timeout: 10_000 }).toBeGreaterThan(1);
        await a.pool.setPeers([own]);
        expect(totals(a, 0).txKeepalives).toBeGreaterThan((before[0] ?? 0) + 1);
        expect(totals(a, 1).txKeepalives).toBe(before[1]);
      },
    );

    test('a thread that dies is replaced with all it knew but its SAs', async () => {
      const queue = queues - 1;
      const progress = await b.pool.progress(1);
      kill(b.pool, queue);
      await expect.poll(() => b.heard.replaced.length, { timeout: 10_000 }).toBe(1);
      expect(b.heard.replaced[0]?.[0]).toBe(queue);
      expect(b.heard.replaced[0]?.[1]).toMatch(/TypeError/);
      const after = await b.pool.progress(1);
      expect(after.rxPackets).toBe(progress.rxPackets);
      expect(after.rxSas.length).toBe(queues === 1 ? 0 : progress.rxSas.length / queues);
      // Still known, though no packet came since: `b` is configured without an endpoint.
      expect(after.endpoint).toEqual({ address: '192.0.2.1', port: 6_081 });
      await rekey(b, a);
      expect(await exchange(b, a, '10.77.0.1', 32)).toBe(32);
      await rekey(a, b);
      expect(await exchange(a, b, '10.77.0.2', 32)).toBe(32);
    });

    test('commands reject while a thread is gone; the other queues and the status go on', async () => {
      kill(b.pool, queues - 1);
      await expect(b.pool.setPeers([peer({ slot: 3 })])).rejects.toMatchObject({
        code: 'ERR_ICX_WORKER_DEAD',
        message: expect.stringMatching(new RegExp(`queue ${queues - 1} is gone: TypeError`)),
      });
      expect(b.pool.fault).toMatch(/^queue \d is gone: TypeError/);
      const replaced = b.heard.replaced.length;
      expect((await b.pool.progress(1)).rxSas.length > 0).toBe(queues === 2);
      await b.pool.removePeer(2);
      await expect.poll(() => b.heard.replaced.length, { timeout: 10_000 }).toBe(replaced + 1);
      expect(b.pool.fault).toBeNull();
      await b.pool.setPeers([peer({ slot: 3 })]);
    });
  });
});
