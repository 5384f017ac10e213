/**
 * A send SA: the only place where nonces are made.
 *
 * It counts packets and AES blocks, and stops for good at whichever limit comes first. An
 * expired or exhausted SA seals nothing.
 *
 * @see RFC 4301 §4.4.2.1 (SA lifetimes)
 */
import type { Suite } from '../contract.ts';
import { MAX_COUNTER, type PacketMemory, type SealKey } from './aead.ts';

const BLOCK_LEN = 16;

/**
 * AES blocks that one key may seal, 2^34. An observer then tells the cipher from a random one
 * with probability at most (2^34)^2 / 2^129 = 2^-61, far below the 2^-57 of TLS 1.3.
 *
 * @see RFC 8446 §5.5, draft-irtf-cfrg-aead-limits
 */
export const BUDGET_BLOCKS = 2 ** 34;

/** What `TxSa.seal` did. Anything but `ok` means: nothing was sealed, nothing may be sent. */
export const SealResult = { ok: 0, expired: 1, exhausted: 2, refused: 3 } as const;
export type SealResult = (typeof SealResult)[keyof typeof SealResult];

export interface TxSaOptions {
  readonly memory: PacketMemory;
  readonly spi: number;
  readonly lane: number;
  readonly suite: Suite;
  /** Owned by the SA from now on. Its first counter is `firstCounter`. */
  readonly key: SealKey;
  /** Hard expiry on the caller's clock, in ms. */
  readonly expiresAtMs: number;
  /** AES blocks, at most and by default `BUDGET_BLOCKS`. */
  readonly budgetBlocks?: number;
  /** As given to `AeadProvider.sealKey`; 1 by default. */
  readonly firstCounter?: number;
}

/** Owned by one worker: no other thread may seal under its SPI. */
export class TxSa {
  readonly spi: number;
  readonly lane: number;
  readonly suite: Suite;
  readonly expiresAtMs: number;
  readonly #memory: PacketMemory;
  readonly #key: SealKey;
  readonly #budgetBlocks: number;
  #nextCounter: number;
  #packets = 0;
  /** The hash subkey H = E(K, 0) is the first block. @see NIST SP 800-38D §7.1 step 1 */
  #blocks = 1;
  #dead = false;

  constructor(options: TxSaOptions) {
    const { budgetBlocks = BUDGET_BLOCKS, firstCounter = 1 } = options;
    if (!(budgetBlocks >= 1 && budgetBlocks <= BUDGET_BLOCKS)) {
      throw new RangeError(`budget is ${budgetBlocks} AES blocks, expected 1 to ${BUDGET_BLOCKS}`);
    }
    if (!Number.isSafeInteger(firstCounter) || firstCounter < 1) {
      throw new RangeError(`first counter is ${firstCounter}, expected 1 to ${MAX_COUNTER}`);
    }
    this.spi = options.spi >>> 0;
    this.lane = options.lane;
    this.suite = options.suite;
    this.expiresAtMs = options.expiresAtMs;
    this.#memory = options.memory;
    this.#key = options.key;
    this.#budgetBlocks = budgetBlocks;
    this.#nextCounter = firstCounter;
  }

  /** Packets sealed. */
  get packets(): number {
    return this.#packets;
  }

  /** AES blocks computed under the key. */
  get blocks(): number {
    return this.#blocks;
  }

  /** Used share of the AEAD budget, 0 to 1; 1 too when the SA can never seal again. */
  get budgetUsed(): number {
    return this.#dead ? 1 : this.#blocks / this.#budgetBlocks;
  }

  isExpired(nowMs: number): boolean {
    return nowMs >= this.expiresAtMs;
  }

  /**
   * What `seal` would say to a packet of `len` bytes, short of the library refusing it, without
   * sealing any: for a caller that must decide before it writes anything.
   */
  ready(len: number, nowMs: number): SealResult {
    if (this.isExpired(nowMs)) return SealResult.expired;
    if (this.#dead || this.#nextCounter > MAX_COUNTER) return SealResult.exhausted;
    return this.#blocks + blocksOf(len) > this.#budgetBlocks ? SealResult.exhausted : SealResult.ok;
  }

  /**
   * Claims the next counter, writes SPI ‖ counter to the 12 bytes at `nonceAt` and seals.
   *
   * The nonce may be part of the additional data (it is, in the frame header). Parameters and
   * overlaps are those of `SealKey.seal`. The counter is claimed whatever comes of it, so a
   * failure can't lead to a second use of a nonce; a key that refused is not tried again.
   */
  seal(
    nonceAt: number,
    aadAt: number,
    aadLen: number,
    inAt: number,
    len: number,
    outAt: number,
    nowMs: number,
  ): SealResult {
    const ready = this.ready(len, nowMs);
    if (ready !== SealResult.ok) return ready;
    const counter = this.#nextCounter;
    this.#nextCounter = counter + 1;
    this.#blocks += blocksOf(len);
    const { view } = this.#memory;
    view.setUint32(nonceAt, this.spi);
    view.setUint32(nonceAt + 4, Math.floor(counter / 0x1_0000_0000));
    view.setUint32(nonceAt + 8, counter >>> 0);
    if (!this.#key.seal(nonceAt, aadAt, aadLen, inAt, len, outAt)) {
      this.#dead = true;
      return SealResult.refused;
    }
    this.#packets++;
    return SealResult.ok;
  }

  /** Overwrites the key; the SA is exhausted from then on. Idempotent. */
  destroy(): void {
    this.#dead = true;
    this.#key.destroy();
  }
}

/**
 * AES blocks of one packet: one per started 16 bytes of content (GCTR), and E(K, J0), which masks
 * the tag. Additional data and lengths go through GHASH, which calls no cipher.
 *
 * @see NIST SP 800-38D §7.1 steps 3 and 6
 */
function blocksOf(len: number): number {
  return Math.ceil(len / BLOCK_LEN) + 1;
}
