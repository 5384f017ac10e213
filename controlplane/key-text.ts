/** Keys as operators see them: 32 random bytes and their textual form. */
import { randomFillSync } from 'node:crypto';

/** Length of a seed, of a public key and of a preshared key, in bytes. */
export const KEY_LEN = 32;

/** 32 bytes in standard base64: 43 digits, one padding character. */
const KEY_TEXT = /^[A-Za-z0-9+/]{43}=$/;

/** A key cannot be used. Neither message nor hint contains any of it: it may be a secret. */
export class KeyError extends Error {
  readonly code: 'ERR_ICX_KEY_TEXT' | 'ERR_ICX_KEY_POINT';
  readonly hint: string;

  constructor(code: KeyError['code'], message: string, hint: string) {
    super(message);
    this.name = 'KeyError';
    this.code = code;
    this.hint = hint;
  }
}

export function generateSeed(): Uint8Array {
  return randomFillSync(new Uint8Array(KEY_LEN));
}

/** 44 characters of standard base64, as `wg` writes keys. */
export function encodeKey(key: Uint8Array): string {
  if (key.length !== KEY_LEN) throw new RangeError(`A key has ${KEY_LEN} bytes, not ${key.length}`);
  return Buffer.from(key).toString('base64');
}

/**
 * Reads what {@link encodeKey} writes, and nothing else: one key has one text.
 *
 * @throws {KeyError} ERR_ICX_KEY_TEXT when the text is anything but canonical base64 of 32 bytes.
 */
export function decodeKey(text: string): Uint8Array {
  const key = KEY_TEXT.test(text) ? new Uint8Array(Buffer.from(text, 'base64')) : new Uint8Array();
  // The last digit has two unused bits: without this check four texts would name one key.
  if (key.length !== KEY_LEN || encodeKey(key) !== text) {
    throw new KeyError(
      'ERR_ICX_KEY_TEXT',
      `Cannot read key: expected 44 characters of base64 that hold 32 bytes, got ${text.length} characters`,
      'copy the whole line that icx genkey, icx pubkey or icx genpsk printed',
    );
  }
  return key;
}
