/**
 * AES-256-GCM with the nonce layout of Noise: 4 zero bytes, then a 64-bit counter.
 *
 * For handshake and control records only; packets take the data plane's way to OpenSSL.
 *
 * @see Noise Protocol Framework revision 34 §12.4
 */
import { gcm } from '@noble/ciphers/aes.js';

/** Length of a key and of the tag behind every ciphertext, in bytes. */
export const GCM_KEY_LEN = 32;
export const GCM_TAG_LEN = 16;

const NONCE_LEN = 12;
const COUNTER_AT = 4;

function nonceOf(counter: number): Uint8Array {
  if (!Number.isSafeInteger(counter) || counter < 0) {
    throw new RangeError(`Cannot use counter ${counter} for a nonce`);
  }
  const nonce = new Uint8Array(NONCE_LEN);
  new DataView(nonce.buffer).setBigUint64(COUNTER_AT, BigInt(counter));
  return nonce;
}

/**
 * @param counter Never used before under this key: the caller's duty.
 * @returns       Ciphertext followed by the 16-byte tag.
 */
export function sealGcm(
  key: Uint8Array,
  counter: number,
  aad: Uint8Array,
  plaintext: Uint8Array,
): Uint8Array {
  return gcm(key, nonceOf(counter), aad).encrypt(plaintext);
}

/** @returns the plaintext, or null when the tag does not verify. */
export function openGcm(
  key: Uint8Array,
  counter: number,
  aad: Uint8Array,
  sealed: Uint8Array,
): Uint8Array | null {
  try {
    return gcm(key, nonceOf(counter), aad).decrypt(sealed);
  } catch {
    return null;
  }
}
