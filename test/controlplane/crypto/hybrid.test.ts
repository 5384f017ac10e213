/** ML-KEM-768 against published values, and its implicit rejection. */
import { shake128 } from '@noble/hashes/sha3.js';
import { ml_kem768 } from '@noble/post-quantum/ml-kem.js';
import { describe, expect, test } from 'vitest';
import {
  decapsulate,
  encapsulate,
  generateKemKeyPair,
  KEM_CIPHERTEXT_LEN,
  KEM_PUBLIC_LEN,
} from '../../../controlplane/crypto/hybrid.ts';
import { flipped, hexOf } from '../hex.ts';

/**
 * Key pairs, ciphertexts and shared secrets of 100 pseudo-random inputs, with one implicit
 * rejection each, hashed.
 */
function accumulated(rounds: number): string {
  const input = shake128.create({});
  const output = shake128.create({});
  for (let round = 0; round < rounds; round++) {
    const { publicKey, secretKey } = ml_kem768.keygen(input.xof(64));
    const { cipherText, sharedSecret } = ml_kem768.encapsulate(publicKey, input.xof(32));
    expect(decapsulate(cipherText, secretKey)).toEqual(sharedSecret);
    const rejected = decapsulate(input.xof(KEM_CIPHERTEXT_LEN), secretKey);
    output.update(publicKey).update(cipherText).update(sharedSecret).update(rejected);
  }
  return hexOf(output.xof(32));
}

describe('ML-KEM-768', () => {
  test('gives the accumulated hash of the Go standard library', () => {
    // Go, src/crypto/mlkem/mlkem_test.go, TestAccumulated with 100 rounds; FIPS 203 final.
    expect(accumulated(100)).toBe('1114b1b6699ed191734fa339376afa7e285c9e6acf6ff0177d346696ce564415');
  });

  test('encapsulate() and decapsulate() agree on a fresh secret each time', () => {
    const pair = generateKemKeyPair();
    expect(pair.publicKey.length).toBe(KEM_PUBLIC_LEN);
    const secrets = Array.from({ length: 3 }, () => {
      const made = encapsulate(pair.publicKey);
      expect(made?.ciphertext.length).toBe(KEM_CIPHERTEXT_LEN);
      const secret = decapsulate(made?.ciphertext ?? new Uint8Array(), pair.secretKey);
      expect(secret).toEqual(made?.sharedSecret);
      return hexOf(secret);
    });
    expect(new Set(secrets).size).toBe(3);
  });

  test('decapsulate() answers a changed ciphertext with an unrelated secret, always the same', () => {
    const pair = generateKemKeyPair();
    const made = encapsulate(pair.publicKey);
    const changed = flipped(made?.ciphertext ?? new Uint8Array(), 500);
    const secret = decapsulate(changed, pair.secretKey);
    expect(secret.length).toBe(32);
    expect(secret).not.toEqual(made?.sharedSecret);
    expect(decapsulate(changed, pair.secretKey)).toEqual(secret);
  });

  test('generateKemKeyPair() gives another key every time', () => {
    expect(generateKemKeyPair().publicKey).not.toEqual(generateKemKeyPair().publicKey);
  });

  test('encapsulate() refuses a public key of another length or with a coefficient above q', () => {
    const { publicKey } = generateKemKeyPair();
    expect(encapsulate(publicKey.slice(1))).toBeNull();
    expect(encapsulate(publicKey.fill(0xff, 0, 3))).toBeNull();
  });
});
