/** Keeps one recurring event from flooding the log. */

/** Kinds that are remembered; a stranger must not be able to fill the memory with new ones. */
const MAX_KINDS = 1024;

interface Window {
  startedAtMs: number;
  suppressed: number;
}

/** Lets each kind of event through once an interval, and tells how many it held back. */
export class LogLimiter {
  readonly #intervalMs: number;
  readonly #windows = new Map<string, Window>();

  constructor(intervalMs: number) {
    this.#intervalMs = intervalMs;
  }

  /**
   * @param kind What repeats, such as "auth_failed host-b".
   * @returns the number of events held back since the last one let through, or null to hold
   *   this one back.
   */
  admit(kind: string, nowMs: number): number | null {
    const window = this.#windows.get(kind);
    if (window !== undefined && nowMs - window.startedAtMs < this.#intervalMs) {
      window.suppressed++;
      return null;
    }
    this.#windows.delete(kind);
    this.#forgetOldest();
    this.#windows.set(kind, { startedAtMs: nowMs, suppressed: 0 });
    return window?.suppressed ?? 0;
  }

  /** A Map keeps the order of insertion: its first entry is the one longest let through. */
  #forgetOldest(): void {
    if (this.#windows.size < MAX_KINDS) return;
    const oldest = this.#windows.keys().next();
    if (oldest.done !== true) this.#windows.delete(oldest.value);
  }
}
