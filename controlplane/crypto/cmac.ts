/**
 * AES-CMAC, the pseudo-random function of the SA key derivation.
 */
import { cmac } from '@noble/ciphers/aes.js';

/**
 * Authenticates a message with AES-128-CMAC or AES-256-CMAC.
 *
 * @param key 16 or 32 bytes.
 * @returns   16 bytes.
 * @throws {RangeError} for a key of another length.
 * @see RFC 4493 §2.4, NIST SP 800-38B
 */
export function aesCmac(key: Uint8Array, message: Uint8Array): Uint8Array {
  if (key.length !== 16 && key.length !== 32) {
    throw new RangeError(`AES-CMAC takes keys of 16 or 32 bytes, not ${key.length}`);
  }
  return cmac(message, key);
}
