/** Waits for what may as well not come. */
import type { Clock } from './clock.ts';

/** Waits for a promise, but not longer than `limitMs`; its failure does not matter any more. */
export function atMost(clock: Clock, limitMs: number, work: Promise<unknown>): Promise<void> {
  return new Promise((resolve) => {
    const timer = clock.setTimer(limitMs, resolve);
    const done = (): void => {
      timer.cancel();
      resolve();
    };
    work.then(done, done);
  });
}
