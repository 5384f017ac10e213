/**
 * The checks an SA passes before it is installed; each throws `SaError` and changes nothing.
 *
 * The data plane forgets key bytes once a key is made, so keys are compared by a keyed hash
 * under a random key of this thread, in constant time.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { keyLen, type Suite } from '../contract.ts';
import { SaError } from './sa-error.ts';

const MAX_SPI = 0xffff_ffff;
const printKey = randomBytes(32);

/** Tells keys apart without being one; worthless outside the thread that made it. */
export type KeyPrint = Uint8Array & { readonly __keyPrint: never };

/** What is remembered of a key that is installed. */
export interface LiveKey {
  readonly spi: number;
  readonly print: KeyPrint;
}

/** HMAC-SHA-256 of the key under the thread's random key. */
export function keyPrint(key: Uint8Array): KeyPrint {
  return createHmac('sha256', printKey).update(key).digest() as Uint8Array as KeyPrint;
}

/** @throws {SaError} ERR_ICX_SA_SPI for 0, which is no SPI, and for what is no 32-bit number. */
export function checkSpi(spi: number): void {
  if (Number.isInteger(spi) && spi >= 1 && spi <= MAX_SPI) return;
  throw new SaError(
    'ERR_ICX_SA_SPI',
    `Cannot use SPI ${spi}: expected 1 to ${MAX_SPI}`,
    'SPIs are allocated by the receiver, from 1',
  );
}

/** @throws {SaError} ERR_ICX_SA_KEY_LENGTH when the key is not as long as the suite wants. */
export function checkKeyLen(suite: Suite, key: Uint8Array): void {
  if (key.length === keyLen(suite)) return;
  throw new SaError(
    'ERR_ICX_SA_KEY_LENGTH',
    `Cannot use a key of ${key.length} bytes for suite ${suite}: expected ${keyLen(suite)}`,
    'suite 0 is AES-128-GCM (16 bytes), suite 1 AES-256-GCM (32 bytes)',
  );
}

/**
 * One key for both directions would let a peer's packets be sent back to it, and its nonces
 * would be used twice.
 *
 * @throws {SaError} ERR_ICX_SA_KEYS_EQUAL
 */
export function checkKeysDiffer(rx: KeyPrint, tx: KeyPrint): void {
  if (!timingSafeEqual(rx, tx)) return;
  throw new SaError(
    'ERR_ICX_SA_KEYS_EQUAL',
    'Cannot use the same key for both directions',
    'derive or generate one key per direction',
  );
}

/**
 * Installing the live send SA once more would start its counter again and repeat its nonces.
 *
 * @param live What is live for sending now, undefined for nothing.
 * @throws {SaError} ERR_ICX_SA_KEY_REUSED when both SPI and key are those of `live`.
 */
export function checkNotLive(live: LiveKey | undefined, next: LiveKey): void {
  if (live === undefined || live.spi !== next.spi || !timingSafeEqual(live.print, next.print)) return;
  throw new SaError(
    'ERR_ICX_SA_KEY_REUSED',
    `Cannot install send SPI ${hex(next.spi)} again: it is in use with this very key`,
    'install a fresh key; a restarted counter would repeat nonces',
  );
}

/**
 * Manual keys carry an epoch that only rises, so that an old configuration can't bring back
 * keys whose counters were used.
 *
 * @param last The epoch in use, undefined before the first.
 * @throws {SaError} ERR_ICX_SA_EPOCH
 */
export function checkEpoch(last: number | undefined, next: number): void {
  if (Number.isSafeInteger(next) && next >= 0 && (last === undefined || next > last)) return;
  throw new SaError(
    'ERR_ICX_SA_EPOCH',
    `Cannot install manual keys of epoch ${next}: expected an integer above ${last ?? -1}`,
    'raise the epoch with every new pair of manual keys',
  );
}

/** An SPI as operators see it. */
export function hex(spi: number): string {
  return `0x${(spi >>> 0).toString(16).padStart(8, '0')}`;
}
