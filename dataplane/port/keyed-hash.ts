/**
 * A keyed hash for tables whose keys strangers choose: MAC addresses and outer sources.
 *
 * Each word is multiplied by a secret odd number, so that no set of keys collides under every key,
 * and the result is stirred. It is no cryptographic function: tables that use it bound what a
 * collision can cost.
 */

const WORDS = 4;
export const KEYED_HASH_SEED_WORDS = WORDS + 1;

export class KeyedHash {
  /** Int32Array, because a field that holds more than 31 bits would be boxed. */
  readonly #key: Int32Array;

  /** @param seed KEYED_HASH_SEED_WORDS random words. */
  constructor(seed: Uint32Array) {
    this.#key = Int32Array.from({ length: KEYED_HASH_SEED_WORDS }, (_, i) => (seed[i] ?? 0) | 1);
  }

  /** @returns 0 to 2^31 − 1. */
  of(a: number, b: number, c: number, d: number): number {
    const key = this.#key;
    let hash = (key[WORDS] ?? 0) ^ Math.imul(a, key[0] ?? 1);
    hash = ((hash << 13) | (hash >>> 19)) ^ Math.imul(b, key[1] ?? 1);
    hash = ((hash << 13) | (hash >>> 19)) ^ Math.imul(c, key[2] ?? 1);
    hash = ((hash << 13) | (hash >>> 19)) ^ Math.imul(d, key[3] ?? 1);
    // The finalizer of MurmurHash3, 32 bits.
    hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
    return (hash ^ (hash >>> 16)) >>> 1;
  }
}
