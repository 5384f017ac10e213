import { describe, expect, test } from 'vitest';
import { encodeRecord, encodeRefusal, RecordKind } from '../../controlplane/record/record.ts';
import { composeSpi } from '../../controlplane/rekey/spi.ts';
import { Suite } from '../../dataplane/contract.ts';
import { RawClient, STRANGER } from './simulation/raw-client.ts';
import { type PairSettings, SimPair } from './simulation/sim-pair.ts';

/** The higher host alone; the caller plays the lower one, its pinned peer. */
async function alone(pins = false): Promise<SimPair> {
  const pair = new SimPair({ peer: { endpoint: null } });
  pair.network.pins = pins;
  await pair.startHigher();
  return pair;
}

/** A caller that went through the handshake as the pinned peer. */
async function authenticated(pair: SimPair): Promise<RawClient> {
  const client = await RawClient.connect(pair, pair.higher, pair.lower.identity.publicKey);
  await client.handshake(pair.lower.identity, pair.higher);
  await client.say({ type: 'ping', id: 1 });
  expect(client.heard()).toContain('pong');
  return client;
}

describe('Session', () => {
  test('skips messages of unknown types', async () => {
    const pair = await alone();
    const client = await authenticated(pair);
    await client.seal(Uint8Array.from([200, 1, 2, 3]));
    await client.say({ type: 'ping', id: 2 });
    expect(client.heard()).toContain('pong');
    expect(client.closeReason).toBeNull();
  });

  test('closes on malformed messages', async () => {
    const pair = await alone();
    const client = await authenticated(pair);
    await client.seal(Uint8Array.from([5, 1]));
    expect(client.refusal).toMatch(/malformed/);
    await pair.clock.advance(300);
    expect(client.closeReason).toMatch(/malformed/);
  });

  test.each([
    ['a caller', false],
    ['a peer in the middle of a session', true],
  ])('refuses an unknown version of %s so that its operator can read it', async (_, later) => {
    const pair = await alone();
    const client = later ? await authenticated(pair) : await RawClient.connect(pair, pair.higher);
    const record = encodeRecord(RecordKind.handshake1, 0, new Uint8Array(100));
    record[2] = 2;
    await client.send(record);
    expect(client.refusal).toBe('peer speaks control protocol version 2, this host speaks version 1');
    await pair.clock.advance(300);
    expect(client.closeReason).toMatch(/version 2/);
  });

  test.each([
    ['a sealed record without keys', encodeRecord(RecordKind.sealed, 0, new Uint8Array(40))],
    ['an answer to nothing', encodeRecord(RecordKind.handshake2, 0, new Uint8Array(60))],
    ['noise', new Uint8Array(500).fill(0xa5)],
    ['an empty first message', encodeRecord(RecordKind.handshake1, 0, new Uint8Array())],
    ['a handshake of a later generation', encodeRecord(RecordKind.handshake1, 1, new Uint8Array(200))],
    ['a refusal', encodeRefusal('no')],
  ])('closes on %s, and tells nothing', async (_, bytes) => {
    const pair = await alone();
    const client = await RawClient.connect(pair, pair.higher);
    if (bytes[2] === 0xa5) bytes[2] = 1;
    await client.send(bytes);
    expect(client.closeReason).toBe('refused');
    expect(client.records).toEqual([]);
  });

  test('gives a caller whose key is not pinned nothing but the close', async () => {
    const pair = await alone();
    const client = await RawClient.connect(pair, pair.higher);
    await expect(client.handshake(STRANGER, pair.higher)).rejects.toThrow('no answer: refused null');
    expect(client.records).toEqual([]);
    expect(pair.higher.plane.installs).toBe(0);
  });

  test('refuses a handshake of another peer than the transport saw', async () => {
    const pair = await alone(true);
    const third = { slot: 2, name: 'third', publicKey: STRANGER.publicKey, endpoint: null };
    pair.higher.control?.addPeer(pair.peerOf(pair.lower, third));
    const client = await RawClient.connect(pair, pair.higher, pair.lower.identity.publicKey);
    await expect(client.handshake(STRANGER, pair.higher)).rejects.toThrow('no answer: refused null');
  });

  test.each([
    ['tells a stranger nothing', false, null],
    ['tells a peer that the transport vouches for', true, /timestamp/],
  ])('refuses a replayed first message and %s', async (_, vouched, refusal) => {
    const pair = new SimPair();
    const sent: Uint8Array[] = [];
    pair.network.tamper = (bytes, from) => {
      if (from.dialled) sent.push(bytes);
      return bytes;
    };
    await pair.connect();
    pair.network.pins = vouched;
    const [message1] = sent;
    const client = await RawClient.connect(pair, pair.higher, pair.lower.identity.publicKey);
    await client.send(message1 ?? new Uint8Array());
    expect(client.refusal).toEqual(refusal === null ? null : expect.stringMatching(refusal));
    await pair.clock.advance(300);
    expect(client.closeReason).toMatch(refusal ?? /^refused$/);
    expect(pair.lower.up && pair.higher.up).toBe(true);
  });

  test('installs nothing before the caller confirmed the keys, and gives up after 10 s', async () => {
    const pair = await alone();
    const client = await RawClient.connect(pair, pair.higher, pair.lower.identity.publicKey);
    await client.handshake(pair.lower.identity, pair.higher);
    await pair.clock.advance(9_000);
    expect([client.closeReason, pair.higher.plane.installs]).toEqual([null, 0]);
    await pair.clock.advance(1_500);
    expect(client.closeReason).toBe('refused');
  });

  test('sends nothing under new SAs that a refused offer asked for', async () => {
    const pair = await alone();
    const client = await authenticated(pair);
    await client.say({ type: 'offer', vni: 7, suite: Suite.aes128Gcm, spis: [composeSpi(1, 0, 5)] });
    expect(client.refusal).toMatch(/SPI 0x40000005 carries the wrong role/);
    expect([pair.higher.plane.tx.size, pair.higher.plane.rx.size]).toEqual([0, 0]);
  });

  test('takes a goodbye from the peer itself only', async () => {
    const pair = new SimPair();
    await pair.connect();
    pair.network.pins = false;
    const client = await RawClient.connect(pair, pair.higher);
    await client.send(encodeRefusal('goodbye'));
    const forged = pair.network.connections.find(({ dialled }) => !dialled);
    forged?.arrive(encodeRefusal('go away'));
    await pair.clock.advance(50);
    // Somebody inside the transport can end a connection, but not the SAs.
    expect(pair.higher.plane.tx.has(1)).toBe(true);
    await pair.whenUp();
    expect(pair.violations).toEqual([]);
  });

  test('takes the next generation, and closes on a handshake that skips one', async () => {
    const pair = await alone();
    const { identity } = pair.lower;
    const client = await RawClient.connect(pair, pair.higher, identity.publicKey);
    await client.generation(identity, pair.higher, 0);
    await client.generation(identity, pair.higher, 1);
    expect(pair.higher.status()).toMatchObject({ state: 'up', generation: 1 });
    await expect(client.handshake(identity, pair.higher, false, 3)).rejects.toThrow(
      /generation 3 came out of turn/,
    );
  });

  test('closes on a second handshake while one is under way', async () => {
    const pair = await alone();
    const client = await authenticated(pair);
    await expect(client.handshake(pair.lower.identity, pair.higher, false, 1)).rejects.toThrow(/out of turn/);
  });

  test('counts a rekey under the reason that the initiator gave for it, and no other', async () => {
    const pair = await alone();
    const { identity } = pair.lower;
    const client = await RawClient.connect(pair, pair.higher, identity.publicKey);
    await client.generation(identity, pair.higher, 0);
    await client.say({ type: 'rekey_request', trigger: 'budget' });
    await client.generation(identity, pair.higher, 1);
    await client.generation(identity, pair.higher, 2);
    expect(pair.higher.rekeys).toEqual(['budget ok', 'timer ok']);
  });

  test('closes on a rekey handshake of another identity', async () => {
    const pair = new SimPair();
    await pair.connect();
    const [near] = pair.network.connections;
    pair.network.tamper = (bytes, from) => {
      if (from === near && bytes[3] === RecordKind.handshake1) bytes[60] = (bytes[60] ?? 0) ^ 1;
      return bytes;
    };
    const [outcome] = await pair.during(pair.lower.control?.rekey() ?? Promise.resolve([]));
    expect(outcome?.ok).toBe(false);
    pair.network.tamper = (bytes) => bytes;
    await pair.traffic(100);
    await pair.whenUp();
    expect(pair.violations).toEqual([]);
    expect(pair.hosts.map(({ plane }) => plane.lost)).toEqual([0, 0]);
  });

  test('comes through a bit flipped in any write, without a wrong SA', async () => {
    for (let flipped = 1; flipped <= 16; flipped++) {
      const pair = new SimPair();
      pair.network.tamper = (bytes) => {
        const at = (flipped * 37) % bytes.length;
        if (pair.network.writes === flipped) bytes[at] = (bytes[at] ?? 0) ^ (1 << (flipped % 8));
        return bytes;
      };
      await pair.start();
      await pair.traffic(500);
      const rekey = pair.lower.control?.rekey().catch(() => []);
      await pair.traffic(1_000);
      await rekey;
      await pair.whenUp();
      await pair.traffic(200);
      expect(pair.violations, `write ${flipped}`).toEqual([]);
      expect(
        pair.hosts.map(({ plane }) => plane.lost),
        `write ${flipped}`,
      ).toEqual([0, 0]);
    }
  });

  test.each<[string, PairSettings, RegExp, RegExp]>([
    [
      'the hybrid setting',
      { peer: { hybrid: true }, higherPeer: { hybrid: false } },
      /refused by the peer: .*post-quantum hybrid/,
      /requires the post-quantum hybrid/,
    ],
    [
      'the preshared key',
      { higherPeer: { psk: new Uint8Array(32).fill(5) } },
      /wrong preshared key/,
      /preshared_key_file/,
    ],
    [
      'the cipher suite',
      { higherHost: { suite: Suite.aes256Gcm } },
      /cipher suite 0, expected 1/,
      /cipher suite 0, expected 1/,
    ],
  ])('tells both operators when %s differs', async (_, settings, lower, higher) => {
    const pair = new SimPair({ ...settings, higherPeer: { endpoint: null, ...settings.higherPeer } });
    await pair.start();
    await pair.clock.advance(3_000);
    expect(pair.lower.status().lastError).toMatch(lower);
    expect(pair.higher.status().lastError).toMatch(higher);
    expect(pair.hosts.map(({ plane }) => plane.tx.size)).toEqual([0, 0]);
  });

  test('passes the path MTU on', async () => {
    const pair = new SimPair();
    await pair.connect();
    pair.lower.control?.sendPath(1, 1_280);
    await pair.clock.advance(50);
    expect(pair.higher.status().peerMtuBytes).toBe(1_280);
  });
});
