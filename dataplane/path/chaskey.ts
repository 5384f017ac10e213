/**
 * Chaskey-12: a keyed pseudo-random function over 16-byte blocks in 32-bit operations.
 *
 * It stands where SipHash would, because JavaScript has no fast 64-bit integer: additions,
 * rotations and xors of four 32-bit words, and nothing allocated per message.
 *
 * @see Mouha et al., "Chaskey: An Efficient MAC Algorithm for 32-bit Microcontrollers"
 *      (SAC 2014); ISO/IEC 29192-6 standardizes the variant with 12 rounds
 */

export const CHASKEY_KEY_LEN = 16;
const ROUNDS = 12;
/** Reduction polynomial of GF(2^128): x^128 + x^7 + x^2 + x + 1. */
const REDUCTION = 0x87;

/**
 * One key and the state of one message. Messages are whole blocks: any number of `absorb`,
 * then one `finish`, which leaves the object ready for the next message.
 */
export class Chaskey {
  /** Int32Array, because a field that holds more than 31 bits would be boxed on each store. */
  readonly #key: Int32Array;
  readonly #lastKey: Int32Array;
  readonly #state: Int32Array;

  /** @param key 16 bytes, copied; words are little-endian as in the reference code. */
  constructor(key: Uint8Array) {
    if (key.length !== CHASKEY_KEY_LEN) {
      throw new RangeError(`Chaskey needs a key of ${CHASKEY_KEY_LEN} bytes, got ${key.length}`);
    }
    const view = new DataView(key.buffer, key.byteOffset, key.byteLength);
    this.#key = Int32Array.from({ length: 4 }, (_, i) => view.getInt32(i * 4, true));
    this.#lastKey = timesTwo(this.#key);
    this.#state = Int32Array.from(this.#key);
  }

  /** Adds a block that is not the last. */
  absorb(w0: number, w1: number, w2: number, w3: number): void {
    this.#mix(w0, w1, w2, w3);
    permute(this.#state);
  }

  /** Adds the last block. @returns First word of the tag, a signed 32-bit integer. */
  finish(w0: number, w1: number, w2: number, w3: number): number {
    const last = this.#lastKey;
    const state = this.#state;
    this.#mix(w0, w1, w2, w3);
    this.#mix(last[0] ?? 0, last[1] ?? 0, last[2] ?? 0, last[3] ?? 0);
    permute(state);
    const tag = (state[0] ?? 0) ^ (last[0] ?? 0);
    state.set(this.#key);
    return tag;
  }

  #mix(w0: number, w1: number, w2: number, w3: number): void {
    const state = this.#state;
    state[0] = (state[0] ?? 0) ^ w0;
    state[1] = (state[1] ?? 0) ^ w1;
    state[2] = (state[2] ?? 0) ^ w2;
    state[3] = (state[3] ?? 0) ^ w3;
  }
}

/** Doubles in GF(2^128); gives the key of a message's last full block. */
function timesTwo(key: Int32Array): Int32Array {
  const [k0 = 0, k1 = 0, k2 = 0, k3 = 0] = key;
  return Int32Array.of(
    (k0 << 1) ^ (k3 < 0 ? REDUCTION : 0),
    (k1 << 1) | (k0 >>> 31),
    (k2 << 1) | (k1 >>> 31),
    (k3 << 1) | (k2 >>> 31),
  );
}

function permute(state: Int32Array): void {
  let v0 = state[0] ?? 0;
  let v1 = state[1] ?? 0;
  let v2 = state[2] ?? 0;
  let v3 = state[3] ?? 0;
  for (let round = 0; round < ROUNDS; round++) {
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 13) | (v3 >>> 19)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 7) | (v1 >>> 25)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
  }
  state[0] = v0;
  state[1] = v1;
  state[2] = v2;
  state[3] = v3;
}
