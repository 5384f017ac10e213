/** Brings the host in step with the overlay: one piece of work at a time, and none twice for one change. */

/** measure: MTU, peers and all that the interfaces have; routes: the latter alone. */
export type Refresh = 'measure' | 'routes';

export class Refresher {
  readonly #work: Readonly<Record<Refresh, () => Promise<void>>>;
  readonly #onFailed: (error: Error) => void;
  #last: Promise<void> = Promise.resolve();
  /** What has not begun, and so will see every change until then. */
  readonly #waiting = new Set<Refresh>();

  /** @param onFailed Hears of what nobody waits for. */
  constructor(work: Readonly<Record<Refresh, () => Promise<void>>>, onFailed: (error: Error) => void) {
    this.#work = work;
    this.#onFailed = onFailed;
  }

  /** Resolves when what is asked for now is done. @throws what the work throws. */
  now(refresh: Refresh): Promise<void> {
    return this.#enqueue(this.#work[refresh]);
  }

  soon(refresh: Refresh): void {
    if (this.#waiting.has(refresh) || this.#waiting.has('measure')) return;
    this.#waiting.add(refresh);
    const done = this.#enqueue(() => {
      this.#waiting.delete(refresh);
      return this.#work[refresh]();
    });
    done.catch(this.#onFailed);
  }

  #enqueue(work: () => Promise<void>): Promise<void> {
    const next = this.#last.then(work);
    this.#last = next.catch(() => {});
    return next;
  }
}
