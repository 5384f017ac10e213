/**
 * Runs asynchronous tasks one after the other, in the order they came.
 *
 * The SAs of a peer change step by step, and two connections of the same peer may want to change
 * them at once: without one queue per peer a slow install of the loser could undo the winner's.
 */

export class SerialQueue {
  #tail: Promise<void> = Promise.resolve();

  /** Resolves or rejects with the task; a failed task does not stop those behind it. */
  run<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#tail.then(task);
    this.#tail = result.then(
      () => undefined,
      () => undefined,
    );
    return result;
  }
}
