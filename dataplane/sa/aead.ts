/**
 * What the SAs need from an AES-GCM implementation: seal and open by offset, in one memory.
 *
 * Offsets and lengths are non-negative integers of one `PacketMemory`; a call whose ranges
 * leave the memory is refused, never executed. Nothing throws because of what a packet holds.
 */
import type { Suite } from '../contract.ts';

/** Bytes of an AES-GCM tag; never shortened. @see NIST SP 800-38D §5.2.1.2 */
export const TAG_LEN = 16;

/** Bytes of a nonce, SPI (4) ‖ counter (8). @see RFC 4106 §4, PSP Architecture Specification */
export const NONCE_LEN = 12;

/** Largest counter that is sealed: counters are plain numbers and must stay exact. */
export const MAX_COUNTER = Number.MAX_SAFE_INTEGER;

/** The memory that packets live in: one buffer, seen twice. It must neither move nor grow. */
export interface PacketMemory {
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

/** One key, sealing. Made, used and destroyed by one thread. */
export interface SealKey {
  /**
   * Seals memory[inAt, +len) to memory[outAt, +len) and writes the 16-byte tag behind it.
   *
   * The additional data is memory[aadAt, +aadLen), the nonce the 12 bytes at `nonceAt`. Input
   * and output may overlap in any way or be the same; additional data and nonce must not
   * overlap the output.
   *
   * @returns false when refused: the nonce is not the key's next one, a range leaves the memory,
   *   the key is destroyed or the library failed. Nothing must be sent then.
   */
  seal(nonceAt: number, aadAt: number, aadLen: number, inAt: number, len: number, outAt: number): boolean;
  /** Overwrites the key material; idempotent. The key refuses everything afterwards. */
  destroy(): void;
}

/** One key, opening. Made, used and destroyed by one thread. */
export interface OpenKey {
  /**
   * Opens memory[inAt, +len) to memory[outAt, +len); the 16-byte tag is at `inAt + len`.
   *
   * Overlaps are as in `SealKey.seal`. On false the content of the output is undefined: when it
   * overlaps the input, the ciphertext is gone.
   *
   * @returns whether the tag verified; false as well when the nonce's SPI is not the key's.
   */
  open(nonceAt: number, aadAt: number, aadLen: number, inAt: number, len: number, outAt: number): boolean;
  /** Overwrites the key material; idempotent. The key refuses everything afterwards. */
  destroy(): void;
}

/** An AES-GCM implementation bound to one memory and one thread. */
export interface AeadProvider {
  /** For log and status: 'OpenSSL 3.0.19 (node)', '@noble/ciphers'. */
  readonly name: string;
  /**
   * Makes a sealing key, whose nonces are `spi` ‖ counter and rise by one with every packet.
   * The key bytes are copied; the caller overwrites its own.
   *
   * @param firstCounter Counter of the first packet. Only known-answer tests and keys that live
   *   on from an earlier process start elsewhere than at 1; none at or above it was used before.
   * @throws {RangeError} when the key's length is not the suite's.
   */
  sealKey(suite: Suite, key: Uint8Array, spi: number, firstCounter?: number): SealKey;
  /** Makes an opening key for nonces that start with `spi`. @throws {RangeError} as `sealKey`. */
  openKey(suite: Suite, key: Uint8Array, spi: number): OpenKey;
}
