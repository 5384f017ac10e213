/** One peer in several networks: each with a connection, SAs and a fate of its own. */
import { describe, expect, test } from 'vitest';
import { RecordKind } from '../../controlplane/record/record.ts';
import { RawClient } from './simulation/raw-client.ts';
import type { SimHost } from './simulation/sim-host.ts';
import { SimPair } from './simulation/sim-pair.ts';

const BOTH = { lower: [7, 9], higher: [7, 9] };
/** Where the VNI stands in a record with a first message, encrypted: header, e, s, label, flags, lanes. */
const VNI_AT = 8 + 32 + 48 + 12 + 2;

function queuesOf(host: SimHost, slot: number, queues: number): number[] {
  return host.status(slot).rx.map(({ spi }) => (spi & 0x3fffffff) % queues);
}

/** Keeps the records that the dialling ends send. */
function recordDialled(pair: SimPair): Uint8Array[] {
  const sent: Uint8Array[] = [];
  pair.network.tamper = (bytes, from) => {
    if (from.dialled) sent.push(bytes.slice());
    return bytes;
  };
  return sent;
}

describe('ControlPlane, with a peer in two networks', () => {
  test('keeps one connection in each, with SAs of its own', async () => {
    const pair = new SimPair({ networks: BOTH });
    await pair.connect();
    await pair.traffic(3_000, 50);
    expect(pair.standing).toBe(2);
    expect(pair.violations).toEqual([]);
    expect(pair.hosts.map(({ plane }) => plane.lost)).toEqual([0, 0]);
    for (const host of pair.hosts) {
      expect(host.control?.status().map(({ slot, vni }) => [slot, vni])).toEqual([
        [1, 7],
        [2, 9],
      ]);
      const installed = [...host.plane.rx.values()].map(({ spec }) => [spec.slot, spec.vni]);
      expect(installed).toEqual(
        expect.arrayContaining([
          [1, 7],
          [2, 9],
        ]),
      );
      expect(new Set(host.plane.rx.keys()).size).toBe(2);
    }
  });

  test('has one lane, steered to its queue, where one queue serves a network', async () => {
    const pair = new SimPair({ networks: BOTH, lanes: [2, 3] });
    pair.lower.plane.queueOf.set(9, 1);
    await pair.connect();
    const rekeys = pair.hosts.map(({ control }) => control?.rekey() ?? Promise.resolve([]));
    await pair.during(Promise.all(rekeys));
    await pair.traffic(1_000, 50);
    // In 9 the higher host has a lane a queue, and all of them end at the one queue of the lower host.
    expect(queuesOf(pair.lower, 2, 2)).toEqual([1, 1, 1]);
    expect(queuesOf(pair.higher, 2, 3)).toEqual([0]);
    expect(queuesOf(pair.lower, 1, 2)).toEqual([0, 1, 0]);
    expect(queuesOf(pair.higher, 1, 3)).toEqual([0, 1]);
    expect(pair.violations).toEqual([]);
    expect(pair.hosts.map(({ plane }) => plane.lost)).toEqual([0, 0]);
  });

  test('rekey() of a name is of that peer in all its networks', async () => {
    const pair = new SimPair({ networks: BOTH });
    await pair.connect();
    const before = [1, 2].map((slot) => pair.lower.status(slot).rx[0]?.spi);
    const outcomes = await pair.during(pair.lower.control?.rekey(['higher']) ?? Promise.resolve([]));
    expect(outcomes).toMatchObject([
      { peer: 'higher', vni: 7, ok: true, result: { oldSpis: { rx: [before[0]] }, lostPackets: 0 } },
      { peer: 'higher', vni: 9, ok: true, result: { oldSpis: { rx: [before[1]] }, lostPackets: 0 } },
    ]);
    await expect(pair.lower.control?.rekey(['nobody'])).rejects.toMatchObject({ hint: 'peers here: higher' });
  });

  test('removePeer() leaves the other network alone', async () => {
    const pair = new SimPair({ networks: BOTH });
    await pair.connect();
    const before = pair.higher.status(2);
    await pair.during(pair.lower.control?.removePeer(1) ?? Promise.resolve());
    await pair.clock.advance(10_000);
    expect(pair.higher.status(2)).toMatchObject({ state: 'up', sinceMs: before.sinceMs });
    expect(pair.higher.status(1).lastError).toMatch(/no network with VNI 7 here/);
    expect([...pair.higher.plane.tx.keys()]).toEqual([2]);
  });

  test('addPeer() refuses a key that is in the network already, not one in another', async () => {
    const pair = new SimPair();
    await pair.startLower();
    const { control } = pair.lower;
    const add = (slot: number, vni: number): void =>
      control?.addPeer(pair.peerOf(pair.higher, { slot, vni }));
    expect(() => add(2, 7)).toThrow(/network with VNI 7 already/);
    add(2, 9);
    await pair.during(control?.removePeer(1) ?? Promise.resolve());
    add(3, 7);
    expect(control?.status().map(({ slot }) => slot)).toEqual([2, 3]);
  });

  test('changePeer() moves a peer to another network with new SAs', async () => {
    const pair = new SimPair();
    await pair.connect();
    const changes = [pair.lower, pair.higher].map((host, index) =>
      host.control?.changePeer(pair.peerOf(pair.hosts[1 - index] ?? host, { vni: 9 })),
    );
    await pair.during(Promise.all(changes));
    await pair.whenUp();
    for (const { plane } of pair.hosts) {
      expect([...plane.rx.values()].map(({ spec }) => spec.vni)).toEqual([9]);
    }
  });
});

describe('ControlPlane, lacking a network of its peer', () => {
  const LACKING = { lower: [7, 9], higher: [7] };

  test('refuses it in words, has the other one up, and comes up once the network is added', async () => {
    const pair = new SimPair({ networks: LACKING, higherPeer: { endpoint: null } });
    await pair.start();
    await pair.clock.until(() => pair.higher.up && pair.lower.status(1).state === 'up', 2_000);
    const { sinceMs } = pair.lower.status(1);
    await pair.clock.advance(1_000);
    expect(pair.lower.status(2)).toMatchObject({
      lastError: 'refused by the peer: peer is in no network with VNI 9 here',
      handshakeAtMs: null,
    });
    const dialsBefore = pair.network.dials;
    await pair.clock.advance(60_000);
    // Pauses of 5 to 10 s once they have grown.
    expect(pair.network.dials - dialsBefore).toBeGreaterThanOrEqual(6);
    expect(pair.network.dials - dialsBefore).toBeLessThanOrEqual(14);
    expect(pair.lower.status(1)).toMatchObject({ state: 'up', sinceMs });
    expect(pair.higher.warnings.length).toBeGreaterThan(0);
    pair.higher.control?.addPeer(pair.peerOf(pair.lower, { slot: 2, vni: 9, endpoint: null }));
    expect(await pair.whenUp()).toBeLessThan(11_000);
    await pair.traffic(500);
    expect(pair.violations).toEqual([]);
    expect(pair.hosts.map(({ plane }) => plane.lost)).toEqual([0, 0]);
  });

  test('tells who lacks it only a peer that the transport vouches for', async () => {
    const pair = new SimPair({ networks: LACKING, higherPeer: { endpoint: null } });
    pair.network.pins = false;
    await pair.start();
    await pair.clock.advance(2_000);
    expect(pair.lower.status(1).state).toBe('up');
    expect(pair.lower.status(2).lastError).toBe('refused by the peer, whose log says why');
  });

  test('tells a caller nothing that names another key than its own', async () => {
    const pair = new SimPair({ networks: LACKING, peer: { endpoint: null } });
    await pair.startHigher();
    const third = { slot: 3, name: 'third', publicKey: pair.higher.identity.publicKey };
    pair.higher.control?.addPeer(pair.peerOf(pair.lower, { ...third, endpoint: null }));
    const client = await RawClient.connect(pair, pair.higher, pair.higher.identity.publicKey);
    const call = client.handshake(pair.lower.identity, pair.higher, false, 0, 9);
    await expect(call).rejects.toThrow('no answer: refused null');
  });
});

describe('a first message', () => {
  test('of one network opens no other: not again, not changed', async () => {
    const pair = new SimPair({ networks: { lower: [7], higher: [7, 9] }, higherPeer: { endpoint: null } });
    const sent = recordDialled(pair);
    await pair.start();
    await pair.clock.until(() => pair.lower.up, 2_000);
    const [message1] = sent;
    if (message1 === undefined) throw new Error('nothing was sent');
    expect(message1[3]).toBe(RecordKind.handshake1);
    pair.network.pins = false;
    const changed = message1.slice();
    // What would turn VNI 7 into 9 if the payload were not authenticated.
    changed[VNI_AT + 2] = (changed[VNI_AT + 2] ?? 0) ^ 7 ^ 9;
    const installs = pair.higher.plane.installs;
    for (const bytes of [message1, changed]) {
      const client = await RawClient.connect(pair, pair.higher);
      await client.send(bytes);
      expect([client.closeReason, client.records]).toEqual(['refused', []]);
    }
    expect(pair.higher.status(2)).toMatchObject({ state: 'waiting', handshakeAtMs: null });
    expect([pair.lower.up, pair.higher.plane.installs]).toEqual([true, installs]);
  });

  test('of a rekey is refused when it names another network than the connection', async () => {
    const pair = new SimPair({ networks: BOTH, peer: { endpoint: null } });
    pair.network.pins = false;
    await pair.startHigher();
    const { identity } = pair.lower;
    const client = await RawClient.connect(pair, pair.higher, identity.publicKey);
    await client.generation(identity, pair.higher, 0);
    expect(pair.higher.status(1).state).toBe('up');
    const installs = pair.higher.plane.installs;
    await expect(client.handshake(identity, pair.higher, false, 1, 9)).rejects.toThrow('no answer: refused');
    expect(pair.higher.status(1).lastError).toMatch(/in no network with VNI 9 here, only in 7/);
    expect(pair.higher.plane.installs).toBe(installs);
  });

  test('is not later than that of another network, and answered all the same', async () => {
    const pair = new SimPair({ networks: BOTH, higherPeer: { endpoint: null } });
    const held: (() => void)[] = [];
    let first = true;
    // The message of the network that called first arrives last.
    const { later } = pair.network;
    pair.network.later = (act) => {
      const hold = first && pair.network.writes === 1;
      if (hold) first = false;
      if (hold) held.push(act);
      else later.call(pair.network, act);
    };
    await pair.start();
    await pair.clock.until(() => pair.higher.status(2).state === 'up', 2_000);
    expect(held).toHaveLength(1);
    for (const act of held) act();
    expect(await pair.whenUp(2_000)).toBeLessThan(500);
    expect(pair.higher.warnings).toEqual([]);
  });
});
