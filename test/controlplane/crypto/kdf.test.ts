/** The key schedule against published vectors, and what every key must depend on. */
import { hkdfSync } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import {
  deriveControlKeys,
  deriveMasterKeys,
  deriveRoot,
  deriveSaKey,
  hkdfSha256,
} from '../../../controlplane/crypto/kdf.ts';
import { Suite } from '../../../dataplane/contract.ts';
import { bytesOf, hexOf } from '../hex.ts';

const ROOT = new Uint8Array(32).fill(0x07);
const filled = (value: number): Uint8Array => new Uint8Array(32).fill(value);

describe('hkdfSha256()', () => {
  test('gives RFC 5869 A.1 (test case 1)', () => {
    const output = hkdfSha256(
      bytesOf('0b'.repeat(22)),
      bytesOf('000102030405060708090a0b0c'),
      bytesOf('f0f1f2f3f4f5f6f7f8f9'),
      42,
    );
    expect(hexOf(output)).toBe(
      '3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865',
    );
  });

  test('gives RFC 5869 A.3 (test case 3, no salt, no info)', () => {
    const output = hkdfSha256(bytesOf('0b'.repeat(22)), new Uint8Array(), new Uint8Array(), 42);
    expect(hexOf(output)).toBe(
      '8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8',
    );
  });
});

describe('deriveRoot()', () => {
  const root = hexOf(deriveRoot(filled(1), filled(2), filled(3)));

  test('is HKDF of chaining key and KEM secret, salted with the handshake hash', () => {
    const ikm = Buffer.concat([filled(1), filled(3)]);
    expect(root).toBe(Buffer.from(hkdfSync('sha256', ikm, filled(2), 'icx root v1', 32)).toString('hex'));
  });

  test.each([
    ['chaining key', deriveRoot(filled(9), filled(2), filled(3))],
    ['handshake hash', deriveRoot(filled(1), filled(9), filled(3))],
    ['KEM secret', deriveRoot(filled(1), filled(2), filled(9))],
    ['presence of a KEM secret', deriveRoot(filled(1), filled(2), new Uint8Array())],
  ])('depends on the %s', (_, other) => {
    expect(hexOf(other)).not.toBe(root);
  });
});

describe('deriveMasterKeys() and deriveControlKeys()', () => {
  test('are HKDF without salt under their own labels', () => {
    const { mk0, mk1 } = deriveMasterKeys(ROOT);
    const { initiatorKey, responderKey } = deriveControlKeys(ROOT);
    const hkdf = (info: string) => Buffer.from(hkdfSync('sha256', ROOT, '', info, 64)).toString('hex');
    expect(hexOf(mk0) + hexOf(mk1)).toBe(hkdf('icx psp master keys v1'));
    expect(hexOf(initiatorKey) + hexOf(responderKey)).toBe(hkdf('icx control keys v1'));
  });
});

describe('deriveSaKey()', () => {
  // PSP Architecture Specification, examples of key derivation (p. 7)
  test.each([
    [
      0x12345678,
      Suite.aes128Gcm,
      '34448a064292601b11a0978f56a2d34cf3fc35ede1a6bc04f8db3e5243a2b0ca',
      '96c22dc799198090b74b70ae468e4e30',
    ],
    [
      0x9a345678,
      Suite.aes128Gcm,
      '563952565d3a78ae773ec1b779f2f2d99f4a7f53a6fbb9b07d5b71f39364d739',
      '3946da2554eae46ad1ef77a64372edc4',
    ],
    [
      0x12345678,
      Suite.aes256Gcm,
      '34448a064292601b11a0978f56a2d34cf3fc35ede1a6bc04f8db3e5243a2b0ca',
      '2b7d72074e42ca334487f2990e3f8c4037e436f38283449b76463e9b7fb2e3de',
    ],
  ])('gives the key printed in the PSP specification for SPI %i, suite %i', (spi, suite, masterKey, key) => {
    const used = bytesOf(masterKey);
    const other = filled(0x55);
    const masterKeys = spi >= 0x80000000 ? { mk0: other, mk1: used } : { mk0: used, mk1: other };
    expect(hexOf(deriveSaKey(masterKeys, spi, suite))).toBe(key);
  });

  test('gives other keys for other SPIs, suites and roots', () => {
    const here = deriveMasterKeys(ROOT);
    const there = deriveMasterKeys(filled(8));
    const keys = [
      deriveSaKey(here, 1, Suite.aes128Gcm),
      deriveSaKey(here, 2, Suite.aes128Gcm),
      deriveSaKey(here, 0x40000001, Suite.aes128Gcm),
      deriveSaKey(here, 0x80000001, Suite.aes128Gcm),
      deriveSaKey(here, 1, Suite.aes256Gcm).slice(0, 16),
      deriveSaKey(there, 1, Suite.aes128Gcm),
    ].map(hexOf);
    expect(new Set(keys).size).toBe(keys.length);
  });

  test.each([0, -1, 1.5, 0x100000000, Number.NaN])('refuses SPI %d', (spi) => {
    expect(() => deriveSaKey(deriveMasterKeys(ROOT), spi, Suite.aes128Gcm)).toThrow(RangeError);
  });

  test('refuses a master key that was overwritten', () => {
    const masterKeys = deriveMasterKeys(ROOT);
    masterKeys.mk1.fill(0);
    expect(() => deriveSaKey(masterKeys, 0x80000001, Suite.aes128Gcm)).toThrow(RangeError);
  });
});
