import { describe, expect, test } from 'vitest';
import { BURST, MAX_HALF_OPEN } from '../../controlplane/connect/admission.ts';
import { identityFromSeed } from '../../controlplane/identity.ts';
import { RawClient, STRANGER } from './simulation/raw-client.ts';
import { SimClock } from './simulation/sim-clock.ts';
import { SimHost } from './simulation/sim-host.ts';
import { SimPair } from './simulation/sim-pair.ts';
import { SimNetwork } from './simulation/sim-transport.ts';

/** Hosts that are all each other's peers, and up. */
async function mesh(clock: SimClock, network: SimNetwork, count: number): Promise<SimHost[]> {
  const hosts = Array.from(
    { length: count },
    (_, n) => new SimHost(clock, network, `192.0.2.${n}`, identityFromSeed(new Uint8Array(32).fill(n + 1))),
  );
  // Every host counts its peers from slot 1 in the order of the hosts, itself left out.
  const slot = (at: SimHost, of: SimHost): number => hosts.filter((host) => host !== at).indexOf(of) + 1;
  for (const host of hosts) {
    const others = hosts.filter((other) => other !== host);
    for (const other of others) {
      host.plane.connect(slot(host, other), () => ({ plane: other.plane, slot: slot(other, host) }));
    }
    await host.start(
      others.map((other) => ({
        slot: slot(host, other),
        name: other.address,
        vni: 7,
        publicKey: other.identity.publicKey,
        psk: null,
        endpoint: { host: other.address, port: 6081 },
        controlPort: 6082,
        hybrid: false,
      })),
    );
  }
  await clock.until(() => hosts.every(({ up }) => up), 5_000);
  return hosts;
}

describe('ControlPlane', () => {
  test('start() connects a full mesh of four hosts', async () => {
    const clock = new SimClock();
    const network = new SimNetwork(clock);
    const hosts = await mesh(clock, network, 4);
    await clock.advance(3_000);
    expect(hosts.flatMap(({ plane }) => plane.violations)).toEqual([]);
    expect(network.connections.filter((end) => end.dialled && end.closeReason === null)).toHaveLength(6);
    const spis = hosts.map(({ plane }) => [...plane.rx.keys()]);
    for (const own of spis) expect(new Set(own).size).toBe(own.length);
  });

  test('rekey() of all peers leaves turns of the event loop to everything else', async () => {
    const clock = new SimClock();
    const network = new SimNetwork(clock);
    const [host] = await mesh(clock, network, 5);
    await clock.advance(3_000);
    const before = network.writes;
    const outcomes = host?.control?.rekey() ?? Promise.resolve([]);
    // What one peer costs: a request, or the reason and a first message.
    expect(network.writes - before).toBeLessThanOrEqual(2);
    await clock.advance(5_000);
    expect((await outcomes).map(({ ok }) => ok)).toEqual([true, true, true, true]);
  });

  test('rekey() answers for each peer named, and refuses unknown names', async () => {
    const pair = new SimPair();
    await pair.startLower();
    await expect(pair.lower.control?.rekey(['nobody'])).rejects.toMatchObject({
      code: 'ERR_ICX_CONTROL_UNKNOWN_PEER',
      hint: 'peers here: higher',
    });
    expect(await pair.lower.control?.rekey(['higher'])).toEqual([
      {
        peer: 'higher',
        vni: 7,
        ok: false,
        error: expect.objectContaining({ code: 'ERR_ICX_CONTROL_NOT_CONNECTED' }),
      },
    ]);
    await pair.startHigher();
    await pair.whenUp();
    const outcomes = await pair.during(pair.lower.control?.rekey(['higher']) ?? Promise.resolve([]));
    expect(outcomes).toMatchObject([{ peer: 'higher', ok: true, result: { trigger: 'operator' } }]);
  });

  test('removePeer() says goodbye and forgets every SA', async () => {
    const pair = new SimPair();
    await pair.connect();
    await pair.during(pair.lower.control?.removePeer(1) ?? Promise.resolve());
    await pair.clock.advance(500);
    expect([pair.lower.plane.tx.size, pair.lower.plane.rx.size]).toEqual([0, 0]);
    expect(pair.higher.plane.tx.size).toBe(0);
    expect(pair.higher.status().lastError).toMatch(/goodbye: peer removed from the configuration/);
    expect(pair.lower.control?.status()).toEqual([]);
  });

  test('a peer removed and added again is not open to replays', async () => {
    const pair = new SimPair({ higherPeer: { endpoint: null } });
    const sent: Uint8Array[] = [];
    pair.network.tamper = (bytes, from) => {
      if (from.dialled) sent.push(bytes.slice());
      return bytes;
    };
    await pair.connect();
    await pair.during(pair.higher.control?.removePeer(1) ?? Promise.resolve());
    pair.network.pins = false;
    pair.lower.kill();
    pair.higher.control?.addPeer(pair.peerOf(pair.lower, { endpoint: null }));
    const client = await RawClient.connect(pair, pair.higher);
    await client.send(sent[0] ?? new Uint8Array());
    expect(client.records).toEqual([]);
    expect(client.closeReason).toBe('refused');
  });

  test('changePeer() leaves SAs alone unless keys changed', async () => {
    const pair = new SimPair();
    await pair.connect();
    const before = pair.lower.status();
    await pair.lower.control?.changePeer(pair.peerOf(pair.higher, { name: 'renamed', endpoint: null }));
    await pair.clock.advance(100);
    expect(pair.lower.status()).toMatchObject({ name: 'renamed', state: 'up', sinceMs: before.sinceMs });
    const psk = new Uint8Array(32).fill(3);
    const changes = [
      pair.lower.control?.changePeer(pair.peerOf(pair.higher, { psk })),
      pair.higher.control?.changePeer(pair.peerOf(pair.lower, { psk })),
    ];
    await pair.during(Promise.all(changes));
    await pair.whenUp();
    expect(pair.lower.status().sinceMs).toBeGreaterThan(before.sinceMs);
  });

  test('close() says goodbye within half a second and leaves no timer behind', async () => {
    const pair = new SimPair();
    await pair.connect();
    await pair.during(pair.lower.control?.rekey() ?? Promise.resolve([]));
    const startMs = pair.clock.nowMs();
    await pair.during(Promise.all(pair.hosts.map((host) => host.control?.close())));
    expect(pair.clock.nowMs() - startMs).toBeLessThanOrEqual(500);
    expect(pair.network.hosts.size).toBe(0);
    await pair.clock.advance(250);
    expect(pair.clock.pending).toBe(0);
  });

  test('close() takes no longer when the peer is dead or a dial is under way', async () => {
    const pair = new SimPair();
    await pair.connect();
    pair.network.dark.add(pair.higher.address);
    const startMs = pair.clock.nowMs();
    await pair.during(pair.lower.control?.close() ?? Promise.resolve());
    expect(pair.clock.nowMs() - startMs).toBeLessThanOrEqual(500);
    const dialling = new SimPair();
    await dialling.startLower();
    await dialling.clock.advance(1_000);
    await dialling.during(dialling.lower.control?.close() ?? Promise.resolve());
    await dialling.clock.advance(20_000);
    expect(dialling.network.dials).toBe(1);
    expect(dialling.clock.pending).toBe(0);
  });

  test('lets peers in while strangers hold connections open, and closes those after 10 s', async () => {
    const pair = new SimPair();
    pair.network.pins = false;
    await pair.startHigher();
    const strangers: RawClient[] = [];
    for (let i = 0; i < 300; i++) {
      const address = `203.0.113.${i % 5}`;
      strangers.push(await RawClient.connect(pair, pair.higher, STRANGER.publicKey, address));
      await pair.clock.advance(10);
    }
    const turnedAway = strangers.filter(({ closeReason }) => closeReason !== null).length;
    expect(turnedAway).toBeGreaterThanOrEqual(300 - MAX_HALF_OPEN);
    // Full now: the peer gets in when the first strangers time out.
    await pair.startLower();
    expect(await pair.whenUp()).toBeLessThan(11_000);
    await pair.clock.advance(11_000);
    expect(strangers.filter(({ closeReason }) => closeReason === null)).toEqual([]);
    expect(pair.higher.warnings.length).toBeLessThan(5);
  });

  test('bounds how often one source may try', async () => {
    const pair = new SimPair({ peer: { endpoint: null } });
    pair.network.pins = false;
    pair.network.delayMs = 0;
    await pair.startHigher();
    const clients: RawClient[] = [];
    for (let i = 0; i < BURST + 20; i++) clients.push(await RawClient.connect(pair, pair.higher));
    await pair.clock.advance(1);
    const inside = clients.filter(({ closeReason }) => closeReason === null).length;
    expect(inside).toBeGreaterThanOrEqual(BURST);
    expect(inside).toBeLessThanOrEqual(BURST + 10);
  });

  test('tells a peer whose clock went back to check it', async () => {
    const pair = new SimPair({ higherPeer: { endpoint: null } });
    await pair.connect();
    pair.lower.kill();
    const behind = {
      nowMs: () => pair.clock.nowMs() - 3_600_000,
      setTimer: (delayMs: number, act: () => void) => pair.clock.setTimer(delayMs, act),
    };
    await pair.lower.start([pair.peerOf(pair.higher)], { clock: behind });
    await pair.clock.advance(2_000);
    expect(pair.lower.status().lastError).toMatch(/check the clock of this host/);
  });
});
