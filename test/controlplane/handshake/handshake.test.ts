/** Both sides of the handshake: agreement, and everything that must make it fail. */
import { describe, expect, test } from 'vitest';
import {
  type Initiation,
  InitiatorHandshake,
  type InitiatorOptions,
  type PeerKeys,
  readInitiation,
} from '../../../controlplane/handshake/handshake.ts';
import type { HandshakeSecrets } from '../../../controlplane/handshake/handshake-secrets.ts';
import { encodeTai64n } from '../../../controlplane/handshake/tai64n.ts';
import { type Identity, identityFromSeed } from '../../../controlplane/identity.ts';
import { encodeKey, generateSeed, KeyError } from '../../../controlplane/key-text.ts';
import { flipped, hexOf } from '../hex.ts';

const ALICE = identityFromSeed(new Uint8Array(32).fill(0xa1));
const BOB = identityFromSeed(new Uint8Array(32).fill(0xb0));
const MALLORY = identityFromSeed(new Uint8Array(32).fill(0xe6));
const PSK = new Uint8Array(32).fill(0x77);
const NOW = encodeTai64n(1_700_000_000_000_000_000n);

function initiator(options: Partial<InitiatorOptions> = {}): InitiatorHandshake {
  const defaults = { identity: ALICE, peerPublicKey: BOB.publicKey, psk: null, hybrid: false };
  return new InitiatorHandshake({ ...defaults, lanes: 2, vni: 7, timestamp: NOW, ...options });
}

/** Bob, who has pinned Alice. */
function bobReads(message1: Uint8Array, alice: Partial<PeerKeys> = {}, identity = BOB): Initiation {
  return bobChooses(message1, [alice], identity);
}

/** Bob, who has pinned Alice in several networks. */
function bobChooses(message1: Uint8Array, networks: Partial<PeerKeys>[], identity = BOB): Initiation {
  const alice = { publicKey: ALICE.publicKey, vni: 7, psk: null, hybrid: false, lastTimestamp: null };
  return readInitiation({
    identity,
    message1,
    lookup: (dhPublic) => {
      return hexOf(dhPublic) === hexOf(ALICE.dhPublic) ? networks.map((keys) => ({ ...alice, ...keys })) : [];
    },
  });
}

function run(options: Partial<InitiatorOptions>, alice: Partial<PeerKeys>): HandshakeSecrets[] {
  const handshake = initiator(options);
  const { message2, secrets } = bobReads(handshake.message1(), alice).respond({ lanes: 3 });
  return [handshake.finish(message2), secrets];
}

function keysOf(secrets: HandshakeSecrets | undefined): string[] {
  if (secrets === undefined) return [];
  const { mk0, mk1 } = secrets.masterKeys;
  return [mk0, mk1, secrets.initiatorKey, secrets.responderKey].map(hexOf);
}

function failure(code: string): unknown {
  return expect.objectContaining({ name: 'HandshakeError', code });
}

const MODES = [
  { hybrid: false, psk: null },
  { hybrid: true, psk: null },
  { hybrid: true, psk: PSK },
];

describe('a handshake', () => {
  test.each(MODES)('gives both sides the same keys: %o', (mode) => {
    const [ours, theirs] = run(mode, mode);
    expect(keysOf(ours)).toEqual(keysOf(theirs));
    expect(new Set(keysOf(ours)).size).toBe(4);
    expect([ours?.hybrid, theirs?.hybrid]).toEqual([mode.hybrid, mode.hybrid]);
    expect([ours?.peerLanes, theirs?.peerLanes]).toEqual([3, 2]);
  });

  test.each(MODES)('gives other keys every time: %o', (mode) => {
    const keys = Array.from({ length: 3 }, () => keysOf(run(mode, mode)[0])).flat();
    expect(new Set(keys).size).toBe(12);
  });

  test('fits one record of 4096 bytes each way', () => {
    const handshake = initiator({ hybrid: true });
    const message1 = handshake.message1();
    expect(message1.length).toBe(32 + 48 + 12 + 2 + 3 + 1184 + 16);
    const { message2 } = bobReads(message1, { hybrid: true }).respond({ lanes: 1 });
    expect(message2.length).toBe(32 + 2 + 1088 + 16);
  });

  test('shows neither identity nor timestamp nor ML-KEM key on the wire', () => {
    const wire = hexOf(initiator({ hybrid: true }).message1());
    for (const hidden of [ALICE.dhPublic, ALICE.publicKey, BOB.dhPublic, NOW]) {
      expect(wire).not.toContain(hexOf(hidden));
    }
  });

  test('leaves identities and preshared key to their owner', () => {
    const before = [ALICE.dhSecret, BOB.dhSecret, PSK].map(hexOf);
    run({ psk: PSK }, { psk: PSK });
    expect([ALICE.dhSecret, BOB.dhSecret, PSK].map(hexOf)).toEqual(before);
  });

  test('secrets are gone after wipe()', () => {
    const [secrets] = run({}, {});
    secrets?.wipe();
    expect(keysOf(secrets)).toEqual(Array.from({ length: 4 }, () => '00'.repeat(32)));
  });
});

describe('readInitiation()', () => {
  test('says who is calling before it answers', () => {
    const initiation = bobReads(initiator({ hybrid: true, lanes: 5 }).message1(), { hybrid: true });
    expect(initiation.peerPublicKey).toEqual(ALICE.publicKey);
    expect(initiation.timestamp).toEqual(NOW);
    expect([initiation.hybrid, initiation.lanes, initiation.vni]).toEqual([true, 5, 7]);
  });

  test('refuses message 1 with any bit changed', () => {
    const message1 = initiator().message1();
    for (let at = 0; at < message1.length; at++) {
      for (const mask of [0x01, 0x80]) {
        const read = () => bobReads(flipped(message1, at, mask));
        expect(read, `byte ${at}`).toThrow(failure('ERR_ICX_HANDSHAKE_AUTH'));
      }
    }
  });

  test('refuses a hybrid message 1 with a bit changed in the ML-KEM key', () => {
    const message1 = initiator({ hybrid: true }).message1();
    for (let at = 97; at < message1.length; at += 61) {
      const read = () => bobReads(flipped(message1, at), { hybrid: true });
      expect(read, `byte ${at}`).toThrow(failure('ERR_ICX_HANDSHAKE_AUTH'));
    }
  });

  test('refuses message 1 cut short or made longer', () => {
    const message1 = initiator().message1();
    for (const bytes of [new Uint8Array(), message1.slice(0, 95), Uint8Array.of(...message1, 0)]) {
      expect(() => bobReads(bytes)).toThrow(failure('ERR_ICX_HANDSHAKE_AUTH'));
    }
  });

  test('refuses a call made for another host', () => {
    const message1 = initiator({ peerPublicKey: MALLORY.publicKey }).message1();
    expect(() => bobReads(message1)).toThrow(failure('ERR_ICX_HANDSHAKE_AUTH'));
  });

  test("refuses a caller who names a peer's key without having its secret", () => {
    const forged: Identity = { ...MALLORY, dhPublic: ALICE.dhPublic, publicKey: ALICE.publicKey };
    const message1 = initiator({ identity: forged }).message1();
    expect(() => bobReads(message1)).toThrow(failure('ERR_ICX_HANDSHAKE_AUTH'));
  });

  test('refuses a stranger and tells it nothing', () => {
    const message1 = initiator({ identity: identityFromSeed(generateSeed()) }).message1();
    const unknown = expect.objectContaining({ code: 'ERR_ICX_HANDSHAKE_UNKNOWN_PEER', refusal: null });
    expect(() => bobReads(message1)).toThrow(unknown);
  });

  test('takes a later timestamp, refuses an equal and an earlier one without a word', () => {
    const message1 = initiator().message1();
    const second = 1_000_000_000n;
    const at = (offset: bigint) => encodeTai64n(1_700_000_000n * second + offset);
    bobReads(message1, { lastTimestamp: at(-1n) });
    const replay = expect.objectContaining({ code: 'ERR_ICX_HANDSHAKE_REPLAY', refusal: null });
    expect(() => bobReads(message1, { lastTimestamp: at(0n) })).toThrow(replay);
    expect(() => bobReads(message1, { lastTimestamp: at(second) })).toThrow(replay);
  });

  test('holds a timestamp against those of its own network only', () => {
    const message1 = initiator({ vni: 8 }).message1();
    const later = encodeTai64n(1_700_000_001_000_000_000n);
    const chosen = bobChooses(message1, [{ vni: 7, lastTimestamp: later }, { vni: 8 }]);
    expect(chosen.vni).toBe(8);
    const replay = () => bobChooses(message1, [{ vni: 7 }, { vni: 8, lastTimestamp: NOW }]);
    expect(replay).toThrow(failure('ERR_ICX_HANDSHAKE_REPLAY'));
  });

  test('takes the keys and settings of the network that the caller names', () => {
    const networks = [{ vni: 7, psk: flipped(PSK, 0) }, { vni: 8, psk: PSK, hybrid: true }, { vni: 9 }];
    const handshake = initiator({ vni: 8, psk: PSK, hybrid: true });
    const { message2, secrets } = bobChooses(handshake.message1(), networks).respond({ lanes: 1 });
    expect(keysOf(handshake.finish(message2))).toEqual(keysOf(secrets));
    const other = initiator({ vni: 9, psk: PSK, hybrid: true });
    expect(() => bobChooses(other.message1(), networks).respond({ lanes: 1 })).toThrow(
      failure('ERR_ICX_HANDSHAKE_HYBRID'),
    );
  });

  test('refuses a peer in a network that it is not in, and has words for a vouched one only', () => {
    const message1 = initiator({ vni: 9 }).message1();
    expect(() => bobChooses(message1, [{ vni: 7 }, { vni: 8 }])).toThrow(
      expect.objectContaining({
        code: 'ERR_ICX_HANDSHAKE_NETWORK',
        message: `Refused a caller: peer ${encodeKey(ALICE.publicKey)} is in no network with VNI 9 here, only in 7, 8`,
        refusal: null,
        vouchedRefusal: 'peer is in no network with VNI 9 here',
      }),
    );
  });

  test('tells a replayer nothing of a hybrid mismatch', () => {
    const message1 = initiator({ hybrid: true }).message1();
    const read = () => bobReads(message1, { hybrid: false, lastTimestamp: NOW });
    expect(read).toThrow(failure('ERR_ICX_HANDSHAKE_REPLAY'));
  });
});

describe('Initiation.respond()', () => {
  test.each([
    [true, 'Peer requires the post-quantum hybrid, this host forbids it', /^peer forbids/],
    [false, 'Peer forbids the post-quantum hybrid, this host requires it', /^peer requires/],
  ])(
    'refuses a caller whose hybrid is %s when ours is not, and says so to both',
    (theirs, message, refusal) => {
      const initiation = bobReads(initiator({ hybrid: theirs }).message1(), { hybrid: !theirs });
      const mismatch = expect.objectContaining({
        code: 'ERR_ICX_HANDSHAKE_HYBRID',
        message,
        refusal: expect.stringMatching(refusal),
      });
      expect(() => initiation.respond({ lanes: 1 })).toThrow(mismatch);
    },
  );

  test('answers once, and not after wipe()', () => {
    const answered = bobReads(initiator().message1());
    answered.respond({ lanes: 1 });
    expect(() => answered.respond({ lanes: 1 })).toThrow(TypeError);
    const wiped = bobReads(initiator().message1());
    wiped.wipe();
    expect(() => wiped.respond({ lanes: 1 })).toThrow(TypeError);
  });

  test.each([0, 0x1000000])('calls in no network with VNI %d', (vni) => {
    expect(() => initiator({ vni }).message1()).toThrow(RangeError);
  });

  test.each([0, 65, 1.5])('refuses %d lanes', (lanes) => {
    expect(() => bobReads(initiator().message1()).respond({ lanes })).toThrow(RangeError);
    expect(() => initiator({ lanes }).message1()).toThrow(RangeError);
  });
});

describe('InitiatorHandshake.finish()', () => {
  test.each([false, true])('refuses message 2 with a bit changed anywhere (hybrid %s)', (hybrid) => {
    const attempt = (at: number, mask: number): void => {
      const handshake = initiator({ hybrid });
      const { message2 } = bobReads(handshake.message1(), { hybrid }).respond({ lanes: 1 });
      handshake.finish(flipped(message2, at, mask));
    };
    const lengthBytes = hybrid ? 1138 : 50;
    for (let at = 0; at < lengthBytes; at += hybrid ? 71 : 1) {
      expect(() => attempt(at, 0x80), `byte ${at}`).toThrow(failure('ERR_ICX_HANDSHAKE_AUTH'));
    }
  });

  test.each([
    ['only the caller has one', PSK, null],
    ['only the answerer has one', null, PSK],
    ['they differ', PSK, flipped(PSK, 31)],
  ])('names a wrong preshared key: %s', (_, ours, theirs) => {
    expect(() => run({ psk: ours }, { psk: theirs })).toThrow(/wrong preshared key or identity/);
  });

  test('refuses the answer of a host that is not the pinned one', () => {
    const handshake = initiator();
    handshake.message1();
    const other = initiator({ peerPublicKey: MALLORY.publicKey });
    const { message2 } = bobReads(other.message1(), {}, MALLORY).respond({ lanes: 1 });
    expect(() => handshake.finish(message2)).toThrow(failure('ERR_ICX_HANDSHAKE_AUTH'));
  });

  test('refuses the answer to another call', () => {
    const [first, second] = [initiator(), initiator()];
    first.message1();
    const { message2 } = bobReads(second.message1()).respond({ lanes: 1 });
    expect(() => first.finish(message2)).toThrow(failure('ERR_ICX_HANDSHAKE_AUTH'));
  });

  test('works once, and not after wipe()', () => {
    const handshake = initiator();
    const { message2 } = bobReads(handshake.message1()).respond({ lanes: 1 });
    handshake.finish(message2);
    expect(() => handshake.finish(message2)).toThrow();
    const wiped = initiator();
    const answer = bobReads(wiped.message1()).respond({ lanes: 1 });
    wiped.wipe();
    expect(() => wiped.finish(answer.message2)).toThrow();
  });
});

describe('InitiatorHandshake', () => {
  test('refuses a peer key of small order', () => {
    expect(() => initiator({ peerPublicKey: new Uint8Array(32) })).toThrow(KeyError);
  });

  test('calls once: a second message 1 would reuse the handshake state', () => {
    const handshake = initiator();
    handshake.message1();
    expect(() => handshake.message1()).toThrow(TypeError);
  });

  test('sends nothing after wipe()', () => {
    const handshake = initiator();
    handshake.wipe();
    expect(() => handshake.message1()).toThrow(TypeError);
  });
});
