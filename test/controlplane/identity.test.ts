/** Identities: published curve vectors, the textual form, keys that must be refused. */
import { ED25519_TORSION_SUBGROUP, ed25519, x25519 } from '@noble/curves/ed25519.js';
import { describe, expect, test } from 'vitest';
import {
  comparePublicKeys,
  identityFromSeed,
  peerDhPublic,
  wipeIdentity,
} from '../../controlplane/identity.ts';
import { decodeKey, encodeKey, generateSeed, KeyError } from '../../controlplane/key-text.ts';
import { bytesOf, hexOf } from './hex.ts';

describe('identityFromSeed()', () => {
  test.each([
    // RFC 8032 §7.1, tests 1 to 3
    [
      '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
      'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    ],
    [
      '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
      '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
    ],
    [
      'c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7',
      'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
    ],
  ])('derives the public key of RFC 8032 §7.1 seed %s', (seed, publicKey) => {
    expect(hexOf(identityFromSeed(bytesOf(seed)).publicKey)).toBe(publicKey);
  });

  test('derives the X25519 pair that libsodium derives', () => {
    // libsodium, test/default/ed25519_convert.c and .exp
    const identity = identityFromSeed(
      bytesOf('421151a459faeade3d247115f94aedae42318124095afabe4d1451a559faedee'),
    );
    expect(hexOf(identity.dhPublic)).toBe('f1814f0e8ff1043d8a44d25babff3cedcae6c22c3edaa48f857ae70de2baae50');
    expect(hexOf(identity.dhSecret)).toBe('8052030376d47112be7f73ed7a019293dd12ad910b654455798b4667d73de166');
  });

  test('keeps its own copy of the seed', () => {
    const seed = generateSeed();
    const identity = identityFromSeed(seed);
    const before = hexOf(identity.seed);
    seed.fill(0);
    expect(hexOf(identity.seed)).toBe(before);
  });

  test('refuses a seed of another length', () => {
    expect(() => identityFromSeed(new Uint8Array(31))).toThrow(RangeError);
  });
});

test('generateSeed() gives another seed every time', () => {
  const seeds = Array.from({ length: 50 }, () => hexOf(generateSeed()));
  expect(new Set(seeds).size).toBe(50);
  expect(seeds.every((seed) => seed.length === 64)).toBe(true);
});

test('wipeIdentity() overwrites both secrets', () => {
  const identity = identityFromSeed(generateSeed());
  wipeIdentity(identity);
  expect([...identity.seed, ...identity.dhSecret].every((byte) => byte === 0)).toBe(true);
});

describe('x25519, as identities and handshake use it', () => {
  test.each([
    // RFC 7748 §5.2
    [
      'a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4',
      'e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c',
      'c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552',
    ],
    [
      '4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d',
      'e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493',
      '95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957',
    ],
    // RFC 7748 §5.2, one iteration
    [
      '0900000000000000000000000000000000000000000000000000000000000000',
      '0900000000000000000000000000000000000000000000000000000000000000',
      '422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079',
    ],
    // RFC 7748 §6.1, Alice with Bob's public key and Bob with Alice's
    [
      '77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a',
      'de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f',
      '4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742',
    ],
    [
      '5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb',
      '8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a',
      '4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742',
    ],
  ])('agrees with RFC 7748 for scalar %s', (scalar, u, expected) => {
    expect(hexOf(x25519.getSharedSecret(bytesOf(scalar), bytesOf(u)))).toBe(expected);
  });
});

describe('encodeKey() and decodeKey()', () => {
  test('write and read 44 characters', () => {
    const key = Uint8Array.from({ length: 32 }, (_, index) => 255 - index);
    const text = encodeKey(key);
    expect(text).toBe('//79/Pv6+fj39vX08/Lx8O/u7ezr6uno5+bl5OPi4eA=');
    expect(decodeKey(text)).toEqual(key);
  });

  test.each([
    ['nothing', ''],
    ['no padding', '//79/Pv6+fj39vX08/Lx8O/u7ezr6uno5+bl5OPi4eA'],
    ['31 bytes', '//79/Pv6+fj39vX08/Lx8O/u7ezr6uno5+bl5OPi4Q=='],
    ['33 bytes', '//79/Pv6+fj39vX08/Lx8O/u7ezr6uno5+bl5OPi4eDf'],
    ['unused bits set in the last digit', '//79/Pv6+fj39vX08/Lx8O/u7ezr6uno5+bl5OPi4eB='],
    ['URL alphabet', '__79_Pv6-fj39vX08_Lx8O_u7ezr6uno5-bl5OPi4eA='],
    ['white space inside', '//79/Pv6 fj39vX08/Lx8O/u7ezr6uno5+bl5OPi4eA='],
    ['a line break behind', '//79/Pv6+fj39vX08/Lx8O/u7ezr6uno5+bl5OPi4eA=\n'],
    ['hexadecimal', 'ff'.repeat(32)],
  ])('decodeKey() refuses %s', (_, text) => {
    expect(() => decodeKey(text)).toThrow(KeyError);
  });

  test('decodeKey() keeps what it read out of its error', () => {
    const secret = encodeKey(generateSeed()).slice(0, 43);
    try {
      decodeKey(secret);
      expect.unreachable();
    } catch (error) {
      expect(JSON.stringify([String(error), error])).not.toContain(secret.slice(0, 6));
    }
  });

  test('encodeKey() refuses another length', () => {
    expect(() => encodeKey(new Uint8Array(33))).toThrow(RangeError);
  });
});

describe('peerDhPublic()', () => {
  test("is the X25519 public key of the peer's own derivation", () => {
    for (let round = 0; round < 5; round++) {
      const identity = identityFromSeed(generateSeed());
      expect(peerDhPublic(identity.publicKey)).toEqual(identity.dhPublic);
    }
  });

  test('checks a key once, whoever wipes what it gave', () => {
    const { publicKey, dhPublic } = identityFromSeed(generateSeed());
    peerDhPublic(publicKey).fill(0);
    peerDhPublic(publicKey).fill(0);
    const startedAtMs = performance.now();
    for (let call = 0; call < 1_000; call++) expect(peerDhPublic(publicKey)).toEqual(dhPublic);
    // A check takes more than 1 ms.
    expect(performance.now() - startedAtMs).toBeLessThan(500);
  });

  test.each(ED25519_TORSION_SUBGROUP.map((point) => [point]))('refuses small-order point %s', (point) => {
    expect(() => peerDhPublic(bytesOf(point))).toThrow(KeyError);
  });

  test('refuses a peer key with a torsion component, which would be a second name for the peer', () => {
    const torsion = ed25519.Point.fromBytes(bytesOf(ED25519_TORSION_SUBGROUP[1] ?? ''));
    const alias = ed25519.Point.fromBytes(identityFromSeed(generateSeed()).publicKey).add(torsion);
    expect(() => peerDhPublic(alias.toBytes())).toThrow(KeyError);
  });

  test.each([
    ['no point of the curve', `02${'00'.repeat(31)}`],
    ['a coordinate above the field', `${'ff'.repeat(31)}7f`],
    ['too short', '00'.repeat(31)],
  ])('refuses %s', (_, key) => {
    expect(() => peerDhPublic(bytesOf(key))).toThrow(KeyError);
  });
});

test('comparePublicKeys() orders by bytes', () => {
  const low = new Uint8Array(32).fill(0xff).fill(0x01, 0, 1);
  const high = new Uint8Array(32).fill(0x02, 0, 1);
  expect(comparePublicKeys(low, high)).toBeLessThan(0);
  expect(comparePublicKeys(high, low)).toBeGreaterThan(0);
  expect(comparePublicKeys(low, low.slice())).toBe(0);
});
