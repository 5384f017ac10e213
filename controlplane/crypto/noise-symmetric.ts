/**
 * The symmetric half of a Noise handshake: chaining key, transcript hash, cipher key.
 *
 * @see Noise Protocol Framework revision 34 §5.1 (CipherState), §5.2 (SymmetricState)
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { openGcm, sealGcm } from './gcm.ts';
import { hkdfSha256 } from './kdf.ts';

const HASH_LEN = 32;

/** A message does not belong to this handshake: forged, damaged, or made for other keys. */
export class NoiseError extends Error {
  readonly code = 'ERR_ICX_NOISE';

  constructor(message: string) {
    super(message);
    this.name = 'NoiseError';
  }
}

/** ck, h and the cipher key k with its counter n: SymmetricState over CipherState. */
export class SymmetricState {
  readonly chainingKey: Uint8Array;
  hash: Uint8Array;
  readonly #key = new Uint8Array(HASH_LEN);
  #keyed = false;
  #counter = 0;

  constructor(protocolName: string) {
    const name = Buffer.from(protocolName);
    // Names that fit are padded, longer ones hashed.
    this.hash = name.length <= HASH_LEN ? new Uint8Array(HASH_LEN) : sha256(name);
    if (name.length <= HASH_LEN) this.hash.set(name);
    this.chainingKey = this.hash.slice();
  }

  mixHash(data: Uint8Array): void {
    this.hash = sha256(Buffer.concat([this.hash, data]));
  }

  mixKey(secret: Uint8Array): void {
    const output = hkdfSha256(secret, this.chainingKey, new Uint8Array(), 2 * HASH_LEN);
    this.#take(output, output.subarray(HASH_LEN));
  }

  mixKeyAndHash(secret: Uint8Array): void {
    const output = hkdfSha256(secret, this.chainingKey, new Uint8Array(), 3 * HASH_LEN);
    this.mixHash(output.subarray(HASH_LEN, 2 * HASH_LEN));
    this.#take(output, output.subarray(2 * HASH_LEN));
  }

  #take(output: Uint8Array, key: Uint8Array): void {
    this.chainingKey.set(output.subarray(0, HASH_LEN));
    this.#key.set(key);
    this.#keyed = true;
    this.#counter = 0;
    output.fill(0);
  }

  sealAndHash(plaintext: Uint8Array): Uint8Array {
    const sealed = this.#keyed ? sealGcm(this.#key, this.#counter++, this.hash, plaintext) : plaintext;
    this.mixHash(sealed);
    return sealed;
  }

  openAndHash(sealed: Uint8Array): Uint8Array {
    const plaintext = this.#keyed ? openGcm(this.#key, this.#counter++, this.hash, sealed) : sealed;
    if (plaintext === null) throw new NoiseError('handshake message does not decrypt');
    this.mixHash(sealed);
    return plaintext;
  }

  get keyed(): boolean {
    return this.#keyed;
  }

  wipe(): void {
    this.#key.fill(0);
    this.chainingKey.fill(0);
  }
}
