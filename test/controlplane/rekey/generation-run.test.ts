import { describe, expect, test } from 'vitest';
import type { RekeyOutcome } from '../../../controlplane/control-plane.ts';
import type { HandshakeSecrets } from '../../../controlplane/handshake/handshake-secrets.ts';
import { GenerationRun } from '../../../controlplane/rekey/generation-run.ts';
import { PeerSas } from '../../../controlplane/rekey/peer-sas.ts';
import type { RekeyResult } from '../../../controlplane/rekey/rotator.ts';
import { Role, SpiAllocator } from '../../../controlplane/rekey/spi.ts';
import { Suite } from '../../../dataplane/contract.ts';
import { SimClock } from '../simulation/sim-clock.ts';
import { SimDataPlane } from '../simulation/sim-data-plane.ts';
import type { SimHost } from '../simulation/sim-host.ts';
import { SimPair } from '../simulation/sim-pair.ts';

async function rekey(pair: SimPair, host: SimHost): Promise<RekeyResult> {
  if (host.control === null) throw new Error('host is off');
  const outcomes: RekeyOutcome[] = await pair.during(host.control.rekey());
  const [outcome] = outcomes;
  if (outcome === undefined || !outcome.ok) throw outcome?.error ?? new Error('no outcome');
  return outcome.result;
}

describe('GenerationRun', () => {
  test('agrees one SA per send lane of each end', async () => {
    const pair = new SimPair({ lanes: [2, 3], peer: { hybrid: true } });
    await pair.connect();
    const { rx, tx } = pair.lower.status();
    expect([rx.length, tx.length]).toEqual([3, 2]);
    expect(pair.higher.status().tx.map(({ spi }) => spi)).toEqual(rx.map(({ spi }) => spi));
    expect(pair.violations).toEqual([]);
    await pair.traffic(200);
    expect(pair.lower.plane.delivered).toBeGreaterThan(10);
    expect(pair.hosts.map(({ plane }) => plane.lost)).toEqual([0, 0]);
  });

  test('steers the lanes of the peer over all queues', async () => {
    const pair = new SimPair({ lanes: [2, 4] });
    await pair.connect();
    expect(
      pair.lower
        .status()
        .rx.map(({ spi }) => (spi & 0x3fffffff) % 2)
        .sort(),
    ).toEqual([0, 0, 1, 1]);
    expect(pair.higher.status().rx.map(({ spi }) => (spi & 0x3fffffff) % 4)).toEqual([0, 1]);
  });

  test('says hello under new SAs at once', async () => {
    const pair = new SimPair();
    await pair.connect();
    expect(pair.hosts.map(({ plane }) => plane.keepalives)).toEqual([1, 1]);
    await rekey(pair, pair.lower);
    expect(pair.hosts.map(({ plane }) => plane.keepalives)).toEqual([2, 2]);
  });

  test('loses nothing in 100 rekeys from alternating sides under traffic', async () => {
    const pair = new SimPair({ lanes: [2, 1] });
    await pair.connect();
    const seen = new Set<number>();
    let running = true;
    const traffic = (): void => {
      for (const host of pair.hosts) host.plane.send(1);
      if (running) pair.clock.setTimer(1, traffic);
    };
    traffic();
    for (let i = 0; i < 100; i++) {
      const result = await rekey(pair, i % 2 === 0 ? pair.lower : pair.higher);
      expect(result).toMatchObject({ lostPackets: 0, trigger: 'operator' });
      expect(result.sentPackets).toBeGreaterThan(0);
      for (const spi of [...result.newSpis.rx, ...result.newSpis.tx]) {
        expect(seen.has(spi)).toBe(false);
        seen.add(spi);
      }
    }
    running = false;
    await pair.clock.advance(100);
    expect(pair.violations).toEqual([]);
    expect(pair.hosts.map(({ plane }) => plane.lost)).toEqual([0, 0]);
    expect(pair.standing).toBe(1);
  }, 60_000);

  test('replaces every SPI and switches the master key', async () => {
    const pair = new SimPair();
    await pair.connect();
    const before = pair.lower.status();
    const result = await rekey(pair, pair.lower);
    expect(result.oldSpis).toEqual({
      rx: before.rx.map(({ spi }) => spi),
      tx: before.tx.map(({ spi }) => spi),
    });
    expect([...result.newSpis.rx, ...result.newSpis.tx].map((spi) => spi >>> 31)).toEqual([1, 1]);
    expect(pair.lower.status().generation).toBe(1);
  });

  test('lets replaced receive SAs live for 30 s', async () => {
    const pair = new SimPair();
    await pair.connect();
    const [old] = pair.higher.plane.rx.keys();
    await rekey(pair, pair.lower);
    const sa = pair.higher.plane.rx.get(old ?? 0);
    expect(sa?.retired).toBe(true);
    expect((sa?.expiresAtMs ?? 0) - pair.clock.nowMs()).toBeGreaterThan(29_000);
    expect((sa?.expiresAtMs ?? 0) - pair.clock.nowMs()).toBeLessThanOrEqual(30_000);
  });

  test('joins rekeys that both sides ask for at once', async () => {
    const pair = new SimPair();
    await pair.connect();
    const both = Promise.all([pair.lower.control?.rekey(), pair.higher.control?.rekey()]);
    const [[a], [b]] = (await pair.during(both)) as [RekeyOutcome[], RekeyOutcome[]];
    if (!a?.ok || !b?.ok) throw new Error('rekey failed');
    expect(a.result.newSpis.rx).toEqual(b.result.newSpis.tx);
    expect(pair.hosts.map((host) => host.status().generation)).toEqual([1, 1]);
    await pair.clock.advance(1_000);
    expect(pair.hosts.map((host) => host.status().generation)).toEqual([1, 1]);
    expect(pair.violations).toEqual([]);
  });

  test.each(['lower', 'higher'] as const)(
    'joins a rekey that the same end (%s) runs already',
    async (end) => {
      const pair = new SimPair();
      await pair.connect();
      await pair.clock.advance(100);
      const { control } = pair[end];
      const outcomes = await pair.during(Promise.all([control?.rekey(), control?.rekey()]));
      expect(outcomes[0]).toEqual(outcomes[1]);
      await pair.clock.advance(1_000);
      expect(pair.hosts.map((host) => host.status().generation)).toEqual([1, 1]);
    },
  );

  test('joins rekeys asked for at every moment of one that runs', async () => {
    for (let afterMs = 0; afterMs < 80; afterMs += 3) {
      const pair = new SimPair();
      await pair.connect();
      const first = pair.lower.control?.rekey();
      await pair.clock.advance(afterMs);
      const second = pair.higher.control?.rekey();
      const outcomes = await pair.during(Promise.all([first, second]));
      expect(outcomes.flat().map((outcome) => outcome?.ok)).toEqual([true, true]);
      expect(pair.violations).toEqual([]);
    }
  });

  test.each(['lower', 'higher'] as const)(
    'does not join a rekey under way when SAs were lost (%s), which may have been its own',
    async (end) => {
      for (let afterMs = 0; afterMs < 60; afterMs += 5) {
        const pair = new SimPair();
        await pair.connect();
        await pair.clock.advance(100);
        const { control, plane } = pair[end];
        const installsBefore = plane.installs;
        const first = control?.rekey();
        await pair.clock.advance(afterMs);
        const installed = plane.installs > installsBefore;
        const [outcome] = (await pair.during(control?.rekey([], 'reconnect') ?? Promise.resolve([]))) ?? [];
        expect(outcome).toMatchObject({ ok: true });
        await pair.during(first ?? Promise.resolve([]));
        await pair.clock.advance(1_000);
        // What was not installed yet could not be lost.
        if (installed) expect(pair.lower.status().generation).toBe(2);
        expect(pair.violations).toEqual([]);
      }
    },
    60_000,
  );

  test('counts the packets that a rekey lost', async () => {
    const pair = new SimPair();
    await pair.connect();
    await pair.traffic(100);
    const [sa] = pair.higher.plane.rx.values();
    if (sa === undefined) throw new Error('no SA');
    sa.packets -= 3;
    const startMs = pair.clock.nowMs();
    expect((await rekey(pair, pair.lower)).lostPackets).toBe(3);
    // Late packets get their time first.
    expect(pair.clock.nowMs() - startMs).toBeGreaterThanOrEqual(2_000);
    expect(pair.higher.status().lastRekey?.lostPackets).toBe(3);
  });

  test('does not count what the underlay lost before the rekey', async () => {
    const pair = new SimPair();
    await pair.connect();
    await pair.traffic(100);
    const [sa] = pair.higher.plane.rx.values();
    if (sa === undefined) throw new Error('no SA');
    sa.packets -= 3;
    sa.missing = 2;
    expect((await rekey(pair, pair.lower)).lostPackets).toBe(1);
  });

  test('says that it does not know when a data plane did not count', async () => {
    const pair = new SimPair();
    await pair.connect();
    pair.higher.plane.keepsCounts = false;
    expect((await rekey(pair, pair.lower)).lostPackets).toBeNull();
  });

  test('leaves the old SAs working when the data plane refuses new ones, and tries again', async () => {
    for (const broken of ['lower', 'higher'] as const) {
      for (const failures of [1, 2, 3]) {
        const pair = new SimPair();
        await pair.connect();
        pair[broken].plane.failInstalls = failures;
        const [outcome] = await pair.during(pair.lower.control?.rekey() ?? Promise.resolve([]));
        expect(outcome?.ok).toBe(false);
        await pair.traffic(500);
        await pair.whenUp();
        await pair.traffic(500);
        expect(pair.violations).toEqual([]);
        expect(pair.hosts.map(({ plane }) => plane.lost)).toEqual([0, 0]);
        expect(pair.lower.rekeys).toContain('operator failed');
        expect(pair.lower.rekeys).toContain('reconnect ok');
      }
    }
  });

  test('forgets receive SAs that it never announced', async () => {
    const pair = new SimPair();
    await pair.connect();
    const { plane } = pair.higher;
    const [kept] = plane.rx.keys();
    plane.installTx = () => Promise.reject(new Error('worker died'));
    const rekey = pair.lower.control?.rekey() ?? Promise.resolve([]);
    await pair.clock.until(() => plane.rx.size === 2, 1_000, 1);
    pair.network.dark.add(pair.lower.address);
    await pair.clock.advance(20);
    expect([...plane.rx.keys()]).toEqual([kept]);
    await pair.during(rekey);
  });

  test('changes nothing any more once stopped', async () => {
    const clock = new SimClock();
    const dataPlane = new SimDataPlane(clock);
    const spis = new SpiAllocator();
    const options = { slot: 1, vni: 7, suite: Suite.aes128Gcm, lifetimeMs: 1_000, dataPlane, spis, clock };
    const sas = new PeerSas(options);
    const key = (): Uint8Array => new Uint8Array(32).fill(1);
    let wiped = false;
    const secrets: HandshakeSecrets = {
      masterKeys: { mk0: key(), mk1: key() },
      initiatorKey: key(),
      responderKey: key(),
      hybrid: false,
      peerLanes: 1,
      wipe: () => {
        wiped = true;
      },
    };
    // Another connection's change is under way.
    void sas.queue.run(() => new Promise<void>((resolve) => clock.setTimer(100, resolve)));
    const never = (): never => {
      throw new Error('unexpected');
    };
    const role = Role.initiator;
    const hooks = { send: never, onDone: never, onFailed: never, onResult: never };
    const run = new GenerationRun({ generation: 0, role, secrets, sas, ...hooks });
    run.stop();
    await clock.advance(20_000);
    expect([dataPlane.installs, wiped, clock.pending]).toEqual([0, true, 0]);
  });
});

describe('RekeySchedule', () => {
  test('replaces SAs every rekey interval, once each time, with nothing lost', async () => {
    const pair = new SimPair({ host: { rekeyIntervalMs: 20_000 } });
    await pair.connect();
    await pair.traffic(205_000, 100);
    expect(pair.lower.rekeys).toEqual(Array(10).fill('timer ok'));
    expect(pair.higher.rekeys).toEqual(Array(10).fill('timer ok'));
    expect(pair.hosts.map(({ plane }) => plane.lost)).toEqual([0, 0]);
    expect(pair.violations).toEqual([]);
  });

  test('lets the end that did not dial have its shorter interval too', async () => {
    const pair = new SimPair({
      host: { rekeyIntervalMs: 600_000 },
      higherHost: { rekeyIntervalMs: 20_000 },
    });
    await pair.connect();
    await pair.traffic(50_000, 1_000);
    expect(pair.lower.rekeys).toEqual(['timer ok', 'timer ok']);
  });

  test.each(['lower', 'higher'] as const)(
    'replaces SAs when the %s end used half of a budget',
    async (end) => {
      const pair = new SimPair();
      await pair.connect();
      pair[end].plane.budgetUsed = 0.5;
      await pair.clock.until(() => pair.lower.rekeys.length > 0, 6_000);
      pair[end].plane.budgetUsed = 0;
      await pair.clock.advance(10_000);
      expect(pair.hosts.map(({ rekeys }) => rekeys)).toEqual([['budget ok'], ['budget ok']]);
    },
  );
});
