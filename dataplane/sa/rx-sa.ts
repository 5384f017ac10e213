/**
 * A receive SA: the key, the replay window and the time of death of one SPI.
 *
 * @see RFC 4301 §4.4.2
 */
import type { OpenKey } from './aead.ts';
import { ReplayWindow } from './replay-window.ts';

export interface RxSaOptions {
  readonly spi: number;
  readonly lane: number;
  /** Counter slot of the peer whose packets the SA opens. */
  readonly slot: number;
  /** Owned by the SA from now on. */
  readonly key: OpenKey;
  /** Hard expiry on the caller's clock, in ms. */
  readonly expiresAtMs: number;
}

/** Owned by the worker that the SPI is steered to. */
export class RxSa {
  readonly spi: number;
  readonly lane: number;
  readonly slot: number;
  readonly window = new ReplayWindow();
  readonly #key: OpenKey;
  #expiresAtMs: number;
  #packets = 0;

  constructor(options: RxSaOptions) {
    this.spi = options.spi >>> 0;
    this.lane = options.lane;
    this.slot = options.slot;
    this.#key = options.key;
    this.#expiresAtMs = options.expiresAtMs;
  }

  get expiresAtMs(): number {
    return this.#expiresAtMs;
  }

  /** Packets that the replay window accepted. */
  get packets(): number {
    return this.#packets;
  }

  /** Opens a packet; parameters and result are those of `OpenKey.open`. Changes no state. */
  open(nonceAt: number, aadAt: number, aadLen: number, inAt: number, len: number, outAt: number): boolean {
    return this.#key.open(nonceAt, aadAt, aadLen, inAt, len, outAt);
  }

  /** Counts the counter as received; only after `open` was true. @returns false for a replay. */
  accept(counter: number): boolean {
    if (!this.window.accept(counter)) return false;
    this.#packets++;
    return true;
  }

  isExpired(nowMs: number): boolean {
    return nowMs >= this.#expiresAtMs;
  }

  /** Brings the expiry forward to `untilMs`; never extends it. */
  clamp(untilMs: number): void {
    if (untilMs < this.#expiresAtMs) this.#expiresAtMs = untilMs;
  }

  /** Overwrites the key; the SA opens nothing from then on. Idempotent. */
  destroy(): void {
    this.#key.destroy();
    this.#expiresAtMs = Number.NEGATIVE_INFINITY;
  }
}
