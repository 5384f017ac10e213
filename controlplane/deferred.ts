/**
 * A promise that somebody else settles.
 */

export interface Deferred<T> {
  readonly promise: Promise<T>;
  resolve(value: T): void;
  reject(error: Error): void;
}

/** A rejection that nobody waits for is no unhandled one: those who wait see it. */
export function deferred<T>(): Deferred<T> {
  let settle: Omit<Deferred<T>, 'promise'> | null = null;
  const promise = new Promise<T>((resolve, reject) => {
    settle = { resolve, reject };
  });
  promise.catch(() => {});
  if (settle === null) throw new TypeError('Promise executor did not run');
  return { promise, ...(settle as Omit<Deferred<T>, 'promise'>) };
}
