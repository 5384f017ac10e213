/**
 * AES-GCM in JavaScript, by @noble/ciphers: the fallback where no OpenSSL can be called.
 *
 * It keeps the contract of `aead.ts` exactly and is the reference that the tests compare the
 * fast provider with. It allocates per packet and takes some 40 µs for 1,400 bytes.
 */
import { gcm } from '@noble/ciphers/aes.js';
import { keyLen, type Suite } from '../contract.ts';
import {
  type AeadProvider,
  NONCE_LEN,
  type OpenKey,
  type PacketMemory,
  type SealKey,
  TAG_LEN,
} from './aead.ts';

/** The provider over `memory`. */
export function nobleAead(memory: PacketMemory): AeadProvider {
  return {
    name: '@noble/ciphers',
    sealKey(suite, key, spi, firstCounter = 1) {
      const nonce = new Uint8Array(NONCE_LEN);
      const view = new DataView(nonce.buffer);
      view.setUint32(0, spi);
      view.setUint32(4, Math.floor(firstCounter / 0x1_0000_0000));
      view.setUint32(8, firstCounter >>> 0);
      return nobleSealKey(memory, suite, key, nonce);
    },
    openKey: (suite, key, spi) => new NobleOpenKey(memory, copyKey(suite, key), spi),
  };
}

/** A sealing key whose first nonce is any 96 bits, as published test vectors have them. */
export function nobleSealKey(
  memory: PacketMemory,
  suite: Suite,
  key: Uint8Array,
  nonce: Uint8Array,
): SealKey {
  return new NobleSealKey(memory, copyKey(suite, key), nonce.slice(0, NONCE_LEN));
}

function copyKey(suite: Suite, key: Uint8Array): Uint8Array {
  if (key.length !== keyLen(suite)) {
    throw new RangeError(`suite ${suite} takes a key of ${keyLen(suite)} bytes, not ${key.length}`);
  }
  return key.slice();
}

function inMemory(memory: PacketMemory, at: number, len: number): boolean {
  return at >= 0 && len >= 0 && at + len <= memory.bytes.length;
}

class NobleSealKey implements SealKey {
  readonly #memory: PacketMemory;
  readonly #key: Uint8Array;
  readonly #next: Uint8Array;
  #alive = true;

  constructor(memory: PacketMemory, key: Uint8Array, next: Uint8Array) {
    this.#memory = memory;
    this.#key = key;
    this.#next = next;
  }

  seal(nonceAt: number, aadAt: number, aadLen: number, inAt: number, len: number, outAt: number): boolean {
    const memory = this.#memory;
    if (!this.#alive || !inMemory(memory, inAt, len) || !inMemory(memory, outAt, len + TAG_LEN)) return false;
    if (!inMemory(memory, nonceAt, NONCE_LEN) || !inMemory(memory, aadAt, aadLen)) return false;
    const { bytes } = memory;
    for (let i = 0; i < NONCE_LEN; i++) if (bytes[nonceAt + i] !== this.#next[i]) return false;
    const aad = bytes.subarray(aadAt, aadAt + aadLen);
    bytes.set(gcm(this.#key, this.#next.slice(), aad).encrypt(bytes.subarray(inAt, inAt + len)), outAt);
    increment(this.#next);
    return true;
  }

  destroy(): void {
    this.#alive = false;
    this.#key.fill(0);
  }
}

/** Adds one to the last 64 bits, the invocation field. @see NIST SP 800-38D §8.2.1 */
function increment(nonce: Uint8Array): void {
  for (let i = NONCE_LEN - 1; i >= NONCE_LEN - 8; i--) {
    const next = ((nonce[i] ?? 0) + 1) & 0xff;
    nonce[i] = next;
    if (next !== 0) return;
  }
}

class NobleOpenKey implements OpenKey {
  readonly #memory: PacketMemory;
  readonly #key: Uint8Array;
  readonly #spi: number;
  #alive = true;

  constructor(memory: PacketMemory, key: Uint8Array, spi: number) {
    this.#memory = memory;
    this.#key = key;
    this.#spi = spi >>> 0;
  }

  open(nonceAt: number, aadAt: number, aadLen: number, inAt: number, len: number, outAt: number): boolean {
    const memory = this.#memory;
    if (!this.#alive || !inMemory(memory, inAt, len + TAG_LEN) || !inMemory(memory, outAt, len)) return false;
    if (!inMemory(memory, nonceAt, NONCE_LEN) || !inMemory(memory, aadAt, aadLen)) return false;
    if (memory.view.getUint32(nonceAt) !== this.#spi) return false;
    const { bytes } = memory;
    const nonce = bytes.slice(nonceAt, nonceAt + NONCE_LEN);
    const cipher = gcm(this.#key, nonce, bytes.subarray(aadAt, aadAt + aadLen));
    const plain = openOrNull(cipher, bytes.subarray(inAt, inAt + len + TAG_LEN));
    if (plain === null) return false;
    bytes.set(plain, outAt);
    return true;
  }

  destroy(): void {
    this.#alive = false;
    this.#key.fill(0);
  }
}

/** The library throws on a bad tag; here that is a packet like any other. */
function openOrNull(cipher: ReturnType<typeof gcm>, sealed: Uint8Array): Uint8Array | null {
  try {
    return cipher.decrypt(sealed);
  } catch {
    return null;
  }
}
