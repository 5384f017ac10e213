/** Remembers where peers were last seen, for threads that start later than that. */
import type { PeerSpec } from '../contract.ts';

/** By peer slot; held by the main thread. */
export class LearnedEndpoints {
  readonly #words = new Map<number, Uint32Array>();

  /** @param words Endpoint record as five big-endian words. */
  set(slot: number, words: Uint32Array): void {
    this.#words.set(slot, words);
  }

  /**
   * A peer got settings. As in the queues themselves, what was learned stays while the
   * configured endpoint is the same and sources are not validated.
   *
   * @param before Its settings until now, undefined for a new peer.
   */
  configured(before: PeerSpec | undefined, now: PeerSpec): void {
    const same =
      before?.endpoint?.address === now.endpoint?.address && before?.endpoint?.port === now.endpoint?.port;
    if (before === undefined || now.validateSource || !same) this.forget(now.slot);
  }

  forget(slot: number): void {
    this.#words.delete(slot);
  }

  [Symbol.iterator](): IterableIterator<[slot: number, words: Uint32Array]> {
    return this.#words.entries();
  }
}
