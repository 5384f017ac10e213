import { describe, expect, test } from 'vitest';
import { SimPair } from './simulation/sim-pair.ts';

describe('Tunnel', () => {
  test('is up within 200 ms of the second start, whichever that is', async () => {
    for (const late of ['lower', 'higher'] as const) {
      const pair = new SimPair();
      await (late === 'lower' ? pair.startHigher() : pair.startLower());
      await pair.clock.advance(60_000);
      await (late === 'lower' ? pair.startLower() : pair.startHigher());
      // The higher key leaves the lower one half a second to dial.
      expect(await pair.whenUp()).toBeLessThan(late === 'lower' ? 200 : 700);
      expect(pair.violations).toEqual([]);
    }
  });

  test.each([
    ['lower', { endpoint: null }, {}],
    ['higher', {}, { endpoint: null }],
  ])('connects when only the other end of the %s one has an endpoint', async (_, peer, higherPeer) => {
    const endpoint = { host: '192.0.2.1', port: 6081 };
    const pair = new SimPair({ peer, higherPeer: { endpoint, ...higherPeer } });
    expect(await pair.connect()).toBeLessThan(700);
    expect(pair.standing).toBe(1);
  });

  test('keeps exactly one of two crossing connections, whatever the delay', async () => {
    for (const delayMs of [1, 20, 100, 200, 240, 251, 300, 400, 600, 900]) {
      const pair = new SimPair();
      pair.network.delayMs = delayMs;
      await pair.connect();
      await pair.traffic(5 * delayMs + 6_000, 50);
      expect(pair.standing, `delay ${delayMs} ms`).toBe(1);
      expect(pair.lower.up && pair.higher.up).toBe(true);
      expect(pair.violations).toEqual([]);
      expect(pair.hosts.map(({ plane }) => plane.lost)).toEqual([0, 0]);
      const { rx, tx } = pair.higher.status();
      expect(pair.lower.status()).toMatchObject({
        rx: tx.map(({ spi }) => expect.objectContaining({ spi })),
        tx: rx.map(({ spi }) => expect.objectContaining({ spi })),
      });
    }
  });

  test('replaces a connection of the higher key by one of the lower, without losing a packet', async () => {
    let replaced = 0;
    for (let slowMs = 400; slowMs <= 1_000; slowMs += 15) {
      const pair = new SimPair();
      pair.network.delayMs = 40;
      pair.network.slowDials.set(pair.lower.address, slowMs);
      await pair.start();
      await pair.whenUp();
      await pair.traffic(1_000, 10);
      const where = `dial slowed down by ${slowMs} ms`;
      expect(pair.violations, where).toEqual([]);
      expect(
        pair.hosts.map(({ plane }) => plane.lost),
        where,
      ).toEqual([0, 0]);
      expect(pair.standing, where).toBe(1);
      expect(pair.lower.status().dialled).toBe(!pair.higher.status().dialled);
      for (const { states } of pair.hosts) expect(states.filter((state) => state === 'waiting')).toEqual([]);
      const completed = pair.network.connections.filter(({ closeReason }) =>
        closeReason?.includes('replaced by a newer'),
      );
      if (completed.length > 0) replaced += 1;
      if (completed.length > 0) expect(pair.lower.status().dialled).toBe(true);
    }
    expect(replaced).toBeGreaterThan(3);
  });

  test('drops a dial that comes through when a connection stands already', async () => {
    const pair = new SimPair();
    pair.network.slowDials.set(pair.lower.address, 3_000);
    await pair.connect();
    await pair.clock.advance(4_000);
    expect(pair.network.connections.map(({ closeReason }) => closeReason)).toContain(
      'another connection stands',
    );
    expect(pair.hosts.map(({ handshakes }) => handshakes.length)).toEqual([1, 1]);
  });

  test('tries one address of a host name after the other', async () => {
    const pair = new SimPair({
      peer: { endpoint: { host: 'peer.example', port: 6081 } },
      higherPeer: { endpoint: null },
      host: { resolveHost: async () => ['192.0.2.250', '192.0.2.2'] },
    });
    expect(await pair.connect()).toBeLessThan(6_000);
  });

  test('keeps exactly one when the higher key dials while the lower one does', async () => {
    for (let headStartMs = 0; headStartMs <= 560; headStartMs += 20) {
      const pair = new SimPair();
      pair.network.delayMs = 15;
      await pair.startHigher();
      // Dialling nobody takes time; the lower key comes in the middle of it.
      await pair.clock.advance(headStartMs);
      await pair.startLower();
      await pair.whenUp();
      await pair.traffic(1_000, 50);
      expect(pair.standing, `head start ${headStartMs} ms`).toBe(1);
      expect(pair.violations).toEqual([]);
    }
  });

  test('survives a cut before any message of connecting and rekeying, old SAs in use meanwhile', async () => {
    let cutAtWrite = 0;
    for (let happened = true; happened; ) {
      cutAtWrite += 1;
      const pair = new SimPair();
      pair.network.cutAtWrite = cutAtWrite;
      await pair.connect();
      const connected = pair.network.writes;
      const rekey = pair.lower.control?.rekey().catch(() => []);
      await pair.traffic(300, 5);
      await pair.whenUp();
      await pair.traffic(200, 5);
      await rekey;
      const where = `cut at write ${cutAtWrite}`;
      expect(pair.violations, where).toEqual([]);
      expect(
        pair.hosts.map(({ plane }) => plane.lost),
        where,
      ).toEqual([0, 0]);
      expect(pair.standing, where).toBe(1);
      happened = connected >= cutAtWrite || pair.network.connections.length > 2;
      expect(cutAtWrite).toBeLessThan(60);
    }
    // Hello, offer, accept, confirm and reports of both generations at least.
    expect(cutAtWrite).toBeGreaterThan(14);
  }, 60_000);

  test.each(['lower', 'higher'] as const)('is back within 15 s after the %s end was killed', async (end) => {
    for (const offMs of [10, 3_000, 20_000, 90_000]) {
      const pair = new SimPair();
      await pair.connect();
      pair[end].kill();
      await pair.clock.advance(offMs);
      await (end === 'lower' ? pair.startLower() : pair.startHigher());
      expect(await pair.whenUp(), `off for ${offMs} ms`).toBeLessThan(15_000);
      const lost = pair.hosts.map(({ plane }) => plane.lost);
      await pair.traffic(500);
      expect(pair.hosts.map(({ plane }) => plane.lost)).toEqual(lost);
      expect(pair.violations).toEqual([]);
    }
  });

  test('notices a silent peer within 10 s, keeps the SAs, and reconnects when it is back', async () => {
    const pair = new SimPair();
    await pair.connect();
    pair.network.dark.add(pair.lower.address);
    const noticedMs = await pair.clock.until(() => pair.higher.status().state !== 'up', 20_000);
    expect(noticedMs).toBeLessThan(10_000);
    expect(pair.higher.status().lastError).toMatch(/silent for 7 s/);
    await pair.traffic(60_000, 500);
    expect(pair.hosts.map(({ plane }) => plane.lost)).toEqual([0, 0]);
    pair.network.dark.clear();
    expect(await pair.whenUp()).toBeLessThan(15_000);
    expect(pair.lower.rekeys).toContain('reconnect ok');
    expect(pair.violations).toEqual([]);
  });

  test('finds a peer whose address changed, by that peer dialling', async () => {
    const pair = new SimPair();
    await pair.connect();
    const { network } = pair;
    network.dark.add(pair.lower.address);
    const transport = network.hosts.get(pair.lower.address);
    network.hosts.delete(pair.lower.address);
    if (transport === undefined) throw new Error('no transport');
    Object.assign(transport, { address: '192.0.2.77' });
    network.hosts.set('192.0.2.77', transport);
    await pair.clock.until(() => !pair.lower.up || !pair.higher.up, 20_000);
    expect(await pair.whenUp()).toBeLessThan(8_000);
    expect(pair.violations).toEqual([]);
  });

  test('forgets the send SAs of a peer that said goodbye, and waits', async () => {
    const pair = new SimPair();
    await pair.connect();
    await pair.during(pair.higher.control?.close() ?? Promise.resolve());
    await pair.clock.advance(100);
    expect(pair.lower.plane.tx.has(1)).toBe(false);
    expect([...pair.lower.plane.rx.values()].every(({ retired }) => retired)).toBe(true);
    expect(pair.lower.status()).toMatchObject({
      state: expect.stringMatching(/waiting|connecting/),
      lastError: 'peer said goodbye: shutting down',
      rx: [],
      tx: [],
    });
    await pair.startHigher();
    expect(await pair.whenUp()).toBeLessThan(11_000);
  });

  test('says what it does', async () => {
    const pair = new SimPair({ peer: { hybrid: true } });
    const startedAtMs = pair.clock.nowMs();
    await pair.connect();
    await pair.clock.advance(5_000);
    const status = pair.lower.status();
    expect(status).toMatchObject({ state: 'up', rttMs: 10, hybrid: true, dialled: true, generation: 0 });
    expect(status).toMatchObject({ carrier: 'simulation', lastError: null, name: 'higher' });
    expect(status.handshakeDurationMs).toBeGreaterThan(0);
    expect(status.handshakeAtMs).toBeGreaterThan(startedAtMs);
    expect(status.rx[0]?.ageMs).toBeGreaterThan(4_900);
    expect(pair.lower.states).toEqual(['connecting', 'up']);
    expect(pair.lower.handshakes).toHaveLength(1);
    expect(pair.lower.rekeys).toEqual([]);
  });

  test('tells what each rekey lost', async () => {
    const pair = new SimPair();
    await pair.connect();
    await pair.clock.advance(5_000);
    const before = pair.lower.losses.length;
    const rekey = pair.lower.control?.rekey();
    await pair.traffic(3_000, 50);
    await rekey;
    expect(pair.lower.losses.slice(before)).toEqual([0]);
  });

  test('never dials an address of the overlay', async () => {
    const pair = new SimPair({ peer: { endpoint: { host: '10.77.0.2', port: 6081 } } });
    await pair.startLower();
    await pair.clock.advance(1_000);
    expect(pair.network.dials).toBe(0);
    expect(pair.lower.status().lastError).toMatch(/10\.77\.0\.2: an address of the overlay/);
  });

  test('dials the address that the data plane learned when none is configured', async () => {
    const pair = new SimPair({ peer: { endpoint: null } });
    await pair.start();
    await pair.clock.advance(1_000);
    expect(pair.network.dials).toBe(0);
    pair.lower.plane.endpoint = { address: pair.higher.address, port: 6081 };
    expect(await pair.whenUp()).toBeLessThan(6_000);
  });

  test('pauses longer and longer between dials, and hurry() ends the pause', async () => {
    const pair = new SimPair();
    await pair.startLower();
    await pair.clock.advance(120_000);
    const slow = pair.network.dials;
    // 5 s of trying and up to 10 s of pause each.
    expect(slow).toBeGreaterThan(8);
    expect(slow).toBeLessThan(20);
    await pair.clock.until(() => pair.lower.status().state === 'waiting');
    pair.lower.control?.networkChanged();
    await pair.clock.advance(0);
    expect(pair.network.dials).toBeGreaterThan(slow);
  });
});
