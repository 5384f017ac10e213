/** The data plane's clock, read once per batch and passed down. */
// The global of the same name is found anew at each use, by a getter in JavaScript.
import { performance } from 'node:perf_hooks';

/**
 * Milliseconds since the Unix epoch that never go back while the process lives: the wall
 * clock at the process's start plus the monotonic time since. The same in every thread.
 */
export function nowMs(): number {
  return performance.timeOrigin + performance.now();
}
