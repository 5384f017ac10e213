/**
 * The table of receive SAs by SPI.
 *
 * @see RFC 4301 §4.4.2
 */
import type { RxSa } from './rx-sa.ts';
import { SaError } from './sa-error.ts';
import { checkSpi, hex } from './sa-guards.ts';
import { SpiMap } from './spi-map.ts';

/** Owned by one worker. The table owns its SAs: what leaves it is destroyed. */
export class Sad<T extends RxSa> {
  readonly #sas = new SpiMap<T>();

  get size(): number {
    return this.#sas.size;
  }

  /** The SA of an SPI, expired ones included; undefined when there is none. */
  get(spi: number): T | undefined {
    return this.#sas.get(spi);
  }

  /**
   * @throws {SaError} ERR_ICX_SA_SPI for SPI 0, ERR_ICX_SA_SPI_LIVE when the SPI is in the table;
   *   the caller still owns `sa` then.
   */
  insert(sa: T): void {
    checkSpi(sa.spi);
    if (this.#sas.get(sa.spi) !== undefined) {
      throw new SaError(
        'ERR_ICX_SA_SPI_LIVE',
        `Cannot install receive SPI ${hex(sa.spi)}: it is in use`,
        'allocate a fresh SPI, or wait until the SA expired',
      );
    }
    this.#sas.set(sa.spi, sa);
  }

  /** Forgets and destroys one SA. @returns whether there was one. */
  remove(spi: number): boolean {
    const sa = this.#sas.get(spi);
    if (sa === undefined) return false;
    this.#sas.delete(spi);
    sa.destroy();
    return true;
  }

  /** Forgets and destroys every expired SA. @returns how many. */
  sweep(nowMs: number): number {
    const expired = [...this.#sas.values()].filter((sa) => sa.isExpired(nowMs));
    for (const sa of expired) this.remove(sa.spi);
    return expired.length;
  }

  /** All SAs in no order; for statistics, not per packet. The table must not change meanwhile. */
  values(): IterableIterator<T> {
    return this.#sas.values();
  }
}
