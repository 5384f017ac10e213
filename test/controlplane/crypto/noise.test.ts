/** Noise IK and IKpsk2 against the published vectors, and what a reader must refuse. */
import { x25519 } from '@noble/curves/ed25519.js';
import { describe, expect, test } from 'vitest';
import { sealGcm } from '../../../controlplane/crypto/gcm.ts';
import { hkdfSha256 } from '../../../controlplane/crypto/kdf.ts';
import { NoiseHandshake, NoisePattern } from '../../../controlplane/crypto/noise.ts';
import { NoiseError } from '../../../controlplane/crypto/noise-symmetric.ts';
import { identityFromSeed } from '../../../controlplane/identity.ts';
import { bytesOf, flipped, hexOf } from '../hex.ts';

/** Keys that both vectors share. */
const KEYS = {
  prologue: '4a6f686e2047616c74',
  initStatic: 'e61ef9919cde45dd5f82166404bd08e38bceb5dfdfded0a34c8df7ed542214d1',
  initEphemeral: '893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a',
  respStatic: '4a3acbfdb163dec651dfa3194dece676d437029c62a408b4c5ea9114246e4893',
  respStaticPublic: '31e0303fd6418d2f8c0e78b91f22e8caed0fbe48656dcf4767e4834f701b8f62',
  respEphemeral: 'bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b',
};

/** cacophony test vectors, as the snow project carries them (tests/vectors/cacophony.txt). */
const VECTORS = [
  {
    pattern: NoisePattern.ik,
    psk: null,
    handshakeHash: '669c8640d9e42a3cda2f232f78597ceefb01daa6e3df81181ccce6fc6b5026bf',
    messages: [
      [
        '4c756477696720766f6e204d69736573',
        'ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c79444e417bc55c7a8166c993' +
          '356c1be41ef67818a292426f301556c7f26b21d25ddb097153891a9a956cff47b83e63ad8d701c1342c2' +
          '09cff1ca5ecd43402762ac249e3bd3a4c0a145fe07cb5dae28ea13a3',
      ],
      [
        '4d757272617920526f746862617264',
        '95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f144808843af2ccf9972e22afc67ae' +
          'afcd25162f7f98c363b7762e3e4cb7d272e39f27a5',
      ],
      ['462e20412e20486179656b', '66acfc92e3197de166809e6d4d5d003dcc819a84bc3522ca53c9d9'],
      ['4361726c204d656e676572', '71f89aa6533a6de70b0826864dd75f60806ee40170c16290189eb3'],
      [
        '4a65616e2d426170746973746520536179',
        '4795a3423550c8bf00386bd496a3e2c76c10669d2a75ab8f79b5094c5412a25705',
      ],
      [
        '457567656e2042f6686d20766f6e2042617765726b',
        'aa0bb39097555c918e40be82abc2b909eb79d9eb87adb07e268fc37323a6cf904fd01fb391',
      ],
    ],
  },
  {
    pattern: NoisePattern.ikPsk2,
    psk: '54686973206973206d7920417573747269616e20706572737065637469766521',
    handshakeHash: '48c3f1eb397c797af6b139032c6074cb41282ff033ee25d5aee4a4badd3a2c3f',
    messages: [
      [
        '4c756477696720766f6e204d69736573',
        'ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c79445a1baf339186d7867062' +
          'b0dd31f5de322d370165d217939b2b7ed9e2bae7840458ea65c2ce1554e0e8077fe7334c4bd514c658fd' +
          '04d97b86d216f58f59714a7e24144155045c8f36bed85a2cb0fd9af7',
      ],
      [
        '4d757272617920526f746862617264',
        '95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f1448088432fe8d675e949799d2a96' +
          '8211a66cc7ba2b0f4cad8eda3c2bd37eae737bbf88',
      ],
      ['462e20412e20486179656b', '38cbf3835c78b7802df0dd0d9640ff8575debd0cb61cfb52590da1'],
      ['4361726c204d656e676572', 'ffc365ff6955fc66c5d809b31ac995f812c5770bd29f0df12f0ffd'],
      [
        '4a65616e2d426170746973746520536179',
        'a7f2828174c4ead2491ffeb77c41c890fd1229ee36f23ccb9066a795daff1cad6b',
      ],
      [
        '457567656e2042f6686d20766f6e2042617765726b',
        '3b86963d5c0e6e3b4153d77153836606393eefc4e5e6dae97796552d1265839ee3825cb80c',
      ],
    ],
  },
] as const;

type Vector = (typeof VECTORS)[number];

function handshake(initiator: boolean, vector: Vector, psk: string | null = vector.psk): NoiseHandshake {
  const staticSecret = bytesOf(initiator ? KEYS.initStatic : KEYS.respStatic);
  return new NoiseHandshake({
    pattern: vector.pattern,
    initiator,
    prologue: bytesOf(KEYS.prologue),
    staticSecret,
    staticPublic: x25519.getPublicKey(staticSecret),
    remoteStatic: initiator ? bytesOf(KEYS.respStaticPublic) : null,
    psk: psk === null ? null : bytesOf(psk),
    generateEphemeral: () => bytesOf(initiator ? KEYS.initEphemeral : KEYS.respEphemeral),
  });
}

/** Transport keys, initiator's first. @see Noise revision 34 §5.2, Split() */
function split(noise: NoiseHandshake): [Uint8Array, Uint8Array] {
  const keys = hkdfSha256(new Uint8Array(), noise.chainingKey, new Uint8Array(), 64);
  return [keys.slice(0, 32), keys.slice(32)];
}

describe.each(VECTORS)('$pattern.name', (vector) => {
  const [first, second, ...transport] = vector.messages;

  test('NoiseHandshake reproduces every published message', () => {
    const initiator = handshake(true, vector);
    const responder = handshake(false, vector);
    const message1 = initiator.writeMessage(bytesOf(first[0]));
    expect(hexOf(message1)).toBe(first[1]);
    expect(hexOf(responder.readMessage(message1))).toBe(first[0]);
    const message2 = responder.writeMessage(bytesOf(second[0]));
    expect(hexOf(message2)).toBe(second[1]);
    expect(hexOf(initiator.readMessage(message2))).toBe(second[0]);
    for (const side of [initiator, responder]) {
      expect(side.complete).toBe(true);
      expect(hexOf(side.handshakeHash)).toBe(vector.handshakeHash);
      const keys = split(side);
      transport.forEach(([payload, ciphertext], index) => {
        const key = keys[index % 2] ?? new Uint8Array();
        const sealed = sealGcm(key, Math.floor(index / 2), new Uint8Array(), bytesOf(payload));
        expect(hexOf(sealed)).toBe(ciphertext);
      });
    }
  });

  test('NoiseHandshake.readMessage() refuses message 1 with any byte changed or missing', () => {
    const message1 = bytesOf(first[1]);
    for (let at = 0; at < message1.length; at++) {
      // Bit 7 of an X25519 key is ignored by the curve, not by the transcript.
      const read = (bytes: Uint8Array) => () => handshake(false, vector).readMessage(bytes);
      expect(read(flipped(message1, at, 0x80)), `byte ${at}`).toThrow(NoiseError);
      if (at % 8 === 0) expect(read(message1.slice(0, at)), `length ${at}`).toThrow(NoiseError);
    }
  });

  test('NoiseHandshake refuses messages out of turn', () => {
    const initiator = handshake(true, vector);
    expect(() => initiator.readMessage(new Uint8Array(64))).toThrow(TypeError);
    initiator.writeMessage(new Uint8Array());
    expect(() => initiator.writeMessage(new Uint8Array())).toThrow(TypeError);
    const responder = handshake(false, vector);
    expect(() => responder.writeMessage(new Uint8Array())).toThrow(TypeError);
    responder.readMessage(bytesOf(first[1]));
    expect(() => responder.readMessage(bytesOf(first[1]))).toThrow(TypeError);
    responder.writeMessage(new Uint8Array());
    expect(() => responder.writeMessage(new Uint8Array())).toThrow(TypeError);
  });

  test('NoiseHandshake.wipe() overwrites the chaining key', () => {
    const initiator = handshake(true, vector);
    initiator.writeMessage(new Uint8Array());
    initiator.wipe();
    expect(initiator.chainingKey.every((byte) => byte === 0)).toBe(true);
  });
});

describe('NoiseHandshake', () => {
  const vector = VECTORS[1];

  test('names its pattern in the transcript: IK does not read IKpsk2', () => {
    const message1 = handshake(true, VECTORS[0]).writeMessage(new Uint8Array());
    expect(() => handshake(false, vector).readMessage(message1)).toThrow(NoiseError);
  });

  test('without a preshared key does not complete IKpsk2', () => {
    const responder = handshake(false, vector, null);
    responder.readMessage(bytesOf(vector.messages[0][1]));
    expect(() => responder.writeMessage(new Uint8Array())).toThrow(TypeError);
  });

  test('leaves the static secret and the preshared key of its caller alone', () => {
    const identity = identityFromSeed(new Uint8Array(32).fill(3));
    const psk = new Uint8Array(32).fill(4);
    const noise = new NoiseHandshake({
      pattern: NoisePattern.ikPsk2,
      initiator: false,
      prologue: new Uint8Array(),
      staticSecret: identity.dhSecret,
      staticPublic: identity.dhPublic,
      remoteStatic: null,
      psk,
    });
    const secretBefore = hexOf(identity.dhSecret);
    noise.wipe();
    expect(hexOf(identity.dhSecret)).toBe(secretBefore);
    expect(psk.every((byte) => byte === 4)).toBe(true);
  });

  test.each([
    ['0', '00'.repeat(32)],
    ['1', `01${'00'.repeat(31)}`],
    ['the field prime, which is 0', `ed${'ff'.repeat(30)}7f`],
  ])('refuses an ephemeral key of small order: %s', (_, ephemeral) => {
    const message1 = bytesOf(vector.messages[0][1]);
    message1.set(bytesOf(ephemeral));
    expect(() => handshake(false, vector).readMessage(message1)).toThrow(/small order/);
  });

  test('draws a new ephemeral key for every handshake', () => {
    const identity = identityFromSeed(new Uint8Array(32).fill(5));
    const ephemerals = Array.from({ length: 20 }, () => {
      const noise = new NoiseHandshake({
        pattern: NoisePattern.ikPsk2,
        initiator: true,
        prologue: new Uint8Array(),
        staticSecret: identity.dhSecret,
        staticPublic: identity.dhPublic,
        remoteStatic: identity.dhPublic,
        psk: null,
      });
      return hexOf(noise.writeMessage(new Uint8Array()).slice(0, 32));
    });
    expect(new Set(ephemerals).size).toBe(20);
  });
});
