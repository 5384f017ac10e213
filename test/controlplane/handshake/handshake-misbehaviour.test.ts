/** Authenticated peers that break the protocol, and a broken ML-KEM half. */
import { afterEach, describe, expect, test, vi } from 'vitest';
import { NoiseHandshake, NoisePattern } from '../../../controlplane/crypto/noise.ts';
import { InitiatorHandshake, readInitiation } from '../../../controlplane/handshake/handshake.ts';
import { encodePayload1, encodePayload2 } from '../../../controlplane/handshake/handshake-payload.ts';
import { identityFromSeed } from '../../../controlplane/identity.ts';
import { hexOf } from '../hex.ts';

/** Switches on a decapsulation that comes to another secret. */
const kem = vi.hoisted(() => ({ broken: false }));

vi.mock('../../../controlplane/crypto/hybrid.ts', async (importOriginal) => {
  const original = await importOriginal<typeof import('../../../controlplane/crypto/hybrid.ts')>();
  const decapsulate: typeof original.decapsulate = (ciphertext, secretKey) => {
    const secret = original.decapsulate(ciphertext, secretKey);
    return kem.broken ? secret.map((byte) => byte ^ 1) : secret;
  };
  return { ...original, decapsulate };
});

const ALICE = identityFromSeed(new Uint8Array(32).fill(0xa1));
const BOB = identityFromSeed(new Uint8Array(32).fill(0xb0));
const timestamp = new Uint8Array(12).fill(1);
const VNI = 7;

function noise(initiator: boolean): NoiseHandshake {
  const own = initiator ? ALICE : BOB;
  return new NoiseHandshake({
    pattern: NoisePattern.ikPsk2,
    initiator,
    prologue: Buffer.from('icx-control/1'),
    staticSecret: own.dhSecret,
    staticPublic: own.dhPublic,
    remoteStatic: initiator ? BOB.dhPublic : null,
    psk: new Uint8Array(32),
  });
}

function bobAnswers(message1: Uint8Array, hybrid: boolean) {
  const alice = { publicKey: ALICE.publicKey, vni: VNI, psk: null, hybrid, lastTimestamp: null };
  return readInitiation({ identity: BOB, message1, lookup: () => [alice] }).respond({ lanes: 1 });
}

function alice(hybrid: boolean): InitiatorHandshake {
  const keys = { identity: ALICE, peerPublicKey: BOB.publicKey, psk: null };
  return new InitiatorHandshake({ ...keys, hybrid, lanes: 1, vni: VNI, timestamp });
}

/** Alice's handshake, answered by a Bob who says what he likes. */
function aliceHears(hybrid: boolean, payload2: Uint8Array) {
  const handshake = alice(hybrid);
  const bob = noise(false);
  bob.readMessage(handshake.message1());
  const message2 = bob.writeMessage(payload2);
  return () => handshake.finish(message2);
}

const MALFORMED = expect.objectContaining({ code: 'ERR_ICX_HANDSHAKE_MALFORMED' });

afterEach(() => {
  kem.broken = false;
});

describe('a handshake', () => {
  test('has the ML-KEM secret in all its keys: another secret, other keys', () => {
    const keys = [false, true].map((broken) => {
      kem.broken = broken;
      const handshake = alice(true);
      const { message2, secrets } = bobAnswers(handshake.message1(), true);
      const ours = handshake.finish(message2);
      const list = ({ masterKeys, initiatorKey, responderKey }: typeof secrets): string[] =>
        [masterKeys.mk0, masterKeys.mk1, initiatorKey, responderKey].map(hexOf);
      return list(ours).map((key, index) => key === list(secrets)[index]);
    });
    expect(keys).toEqual([Array(4).fill(true), Array(4).fill(false)]);
  });

  test('uses the pattern and prologue of the protocol', () => {
    const bob = noise(false);
    const payload = bob.readMessage(alice(false).message1());
    expect(hexOf(payload)).toBe(hexOf(encodePayload1({ timestamp, lanes: 1, vni: VNI, kem: null })));
  });
});

describe('InitiatorHandshake.finish()', () => {
  test('takes a well-formed answer', () => {
    expect(aliceHears(false, encodePayload2({ lanes: 7, kem: null }))().peerLanes).toBe(7);
  });

  test('refuses an answer without the hybrid that it requires', () => {
    const mismatch = expect.objectContaining({
      code: 'ERR_ICX_HANDSHAKE_HYBRID',
      message: 'Peer forbids the post-quantum hybrid, this host requires it',
    });
    expect(aliceHears(true, encodePayload2({ lanes: 1, kem: null }))).toThrow(mismatch);
  });

  test('refuses an answer with the hybrid that it forbids', () => {
    const payload = encodePayload2({ lanes: 1, kem: new Uint8Array(1088) });
    expect(aliceHears(false, payload)).toThrow(/Peer requires .* this host forbids/);
  });

  test('refuses an answer that it cannot understand', () => {
    expect(aliceHears(false, new Uint8Array())).toThrow(MALFORMED);
  });
});

describe('readInitiation()', () => {
  test('refuses a first message that it cannot understand', () => {
    const message1 = noise(true).writeMessage(timestamp);
    expect(() => bobAnswers(message1, false)).toThrow(MALFORMED);
  });

  test('refuses an ML-KEM key that is none', () => {
    const kem = new Uint8Array(1184).fill(0xff);
    const payload = encodePayload1({ timestamp, lanes: 1, vni: VNI, kem });
    const message1 = noise(true).writeMessage(payload);
    expect(() => bobAnswers(message1, true)).toThrow(MALFORMED);
  });
});
