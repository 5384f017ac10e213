/**
 * Time as the control plane sees it, so that tests can run it on simulated time.
 */
import { performance } from 'node:perf_hooks';

/** A timer that was set; `cancel()` is idempotent and harmless after it went off. */
export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Unix-like time in ms; never goes back while the process lives, fractions allowed. */
  nowMs(): number;
  /** Calls `act` once, at least `delayMs` from now. */
  setTimer(delayMs: number, act: () => void): Timer;
}

/** The machine's clock: read once from the wall, then monotonic. */
export const systemClock: Clock = {
  nowMs: () => performance.timeOrigin + performance.now(),
  setTimer: (delayMs, act) => {
    const handle = setTimeout(act, delayMs);
    return { cancel: () => clearTimeout(handle) };
  },
};
