/**
 * ML-KEM-768, the post-quantum half of the handshake.
 *
 * Its messages travel inside the Noise payloads and its shared secret is mixed into the root
 * next to the Noise chaining key, so that breaking one of the two gains nothing.
 *
 * @see FIPS 203
 */
import { ml_kem768 } from '@noble/post-quantum/ml-kem.js';

/** Lengths of ML-KEM-768 in bytes. @see FIPS 203 §8 table 3 */
export const KEM_PUBLIC_LEN = 1184;
export const KEM_CIPHERTEXT_LEN = 1088;

export interface KemKeyPair {
  readonly publicKey: Uint8Array;
  readonly secretKey: Uint8Array;
}

export interface Encapsulation {
  readonly ciphertext: Uint8Array;
  readonly sharedSecret: Uint8Array;
}

export function generateKemKeyPair(): KemKeyPair {
  const { publicKey, secretKey } = ml_kem768.keygen();
  return { publicKey, secretKey };
}

/** @returns null when the key fails the checks of FIPS 203 §7.2. */
export function encapsulate(publicKey: Uint8Array): Encapsulation | null {
  try {
    const { cipherText, sharedSecret } = ml_kem768.encapsulate(publicKey);
    return { ciphertext: cipherText, sharedSecret };
  } catch {
    return null;
  }
}

/**
 * Shared secret of a ciphertext, 32 bytes.
 *
 * A tampered ciphertext gives an unrelated secret, not an error (implicit rejection, FIPS 203
 * §6.3): whoever uses the secret finds out.
 *
 * @param ciphertext {@link KEM_CIPHERTEXT_LEN} bytes.
 */
export function decapsulate(ciphertext: Uint8Array, secretKey: Uint8Array): Uint8Array {
  return ml_kem768.decapsulate(ciphertext, secretKey);
}
