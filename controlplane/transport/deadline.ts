/**
 * Waiting for a promise no longer than agreed, without losing what comes too late.
 */

/** Thrown by {@link withDeadline}; callers turn it into the error of their own layer. */
export class DeadlineError extends Error {
  constructor(limitMs: number) {
    super(`No answer within ${limitMs} ms`);
    this.name = 'DeadlineError';
  }
}

/**
 * Waits for `work`, at most `limitMs`.
 *
 * The work itself goes on: neither of the libraries below can be told to stop a handshake.
 * What it yields after the deadline goes to `discard`, so that nothing stays open unseen.
 *
 * @throws {DeadlineError} when time is up; else whatever `work` rejects with
 */
export async function withDeadline<T>(
  work: Promise<T>,
  limitMs: number,
  discard: (late: T) => void = () => {},
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  let expired = false;
  const expiry = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      expired = true;
      reject(new DeadlineError(limitMs));
    }, limitMs);
  });
  work.then(
    (value) => expired && discard(value),
    () => {},
  );
  try {
    return await Promise.race([work, expiry]);
  } finally {
    clearTimeout(timer);
  }
}

/** Resolves when `work` settled in whatever way, or after `limitMs`. */
export async function settledWithin(work: Promise<unknown>, limitMs: number): Promise<void> {
  await withDeadline(work, limitMs).catch(() => {});
}
