/**
 * Which SPIs of one peer are out, and which of them the peer may still be sending to.
 *
 * A receive SA that was announced stays until a later exchange proved that the peer moved on:
 * when a connection dies between offer and accept, nobody here knows whether the peer switched.
 */

/** One direction's SAs that belong together, by lane. */
export interface SaSet {
  readonly spis: readonly number[];
  readonly installedAtMs: number;
}

/**
 * Announced sets that may wait for proof. More come only from a peer whose connection dies
 * between offer and accept time and again; the oldest then goes, so that SAs cannot pile up.
 */
const MAX_UNPROVEN = 8;

const NONE: SaSet = { spis: [], installedAtMs: 0 };

export class SaLedger {
  #tx: SaSet = NONE;
  #rx: SaSet = NONE;
  #unproven: SaSet[] = [];

  /** SAs we send under. */
  get tx(): SaSet {
    return this.#tx;
  }

  /** SAs that the peer proved to send under. */
  get rx(): SaSet {
    return this.#rx;
  }

  /**
   * Receive SAs are about to be announced.
   *
   * @returns SPIs that have to be retired to keep the bound; as a rule none.
   */
  announce(spis: readonly number[], nowMs: number): readonly number[] {
    this.#unproven.push({ spis, installedAtMs: nowMs });
    return this.#unproven.length > MAX_UNPROVEN ? (this.#unproven.shift()?.spis ?? []) : [];
  }

  /** Sending runs under these SPIs. @returns the set that they replaced. */
  switchTx(spis: readonly number[], nowMs: number): SaSet {
    const replaced = this.#tx;
    this.#tx = { spis, installedAtMs: nowMs };
    return replaced;
  }

  /**
   * The peer sends to `spis`, announced before, and to nothing else any more.
   *
   * @returns every other receive SPI: to be retired.
   */
  prove(spis: readonly number[]): readonly number[] {
    const current = this.#unproven.find((set) => set.spis[0] === spis[0]);
    const others = this.#unproven.filter((set) => set !== current).flatMap((set) => set.spis);
    const retired = [...this.#rx.spis, ...others];
    this.#rx = current ?? NONE;
    this.#unproven = [];
    return retired;
  }

  /** The peer said goodbye, or was removed. @returns every receive SPI: to be retired or removed. */
  clear(): readonly number[] {
    const all = [...this.#rx.spis, ...this.#unproven.flatMap((set) => set.spis)];
    this.#tx = NONE;
    this.#rx = NONE;
    this.#unproven = [];
    return all;
  }
}
