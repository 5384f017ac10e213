/**
 * How many strangers may be halfway in, and how often one source may try.
 *
 * Reading a first message costs three X25519 operations; without bounds whoever can open
 * connections keeps the control plane busy and its peers out.
 */

/** Connections whose peer has not proved itself yet, in all. */
export const MAX_HALF_OPEN = 64;
/** Attempts per second and source address, and how many may come at once. */
const RATE_PER_S = 10;
const BURST = 20;
/** Sources remembered; a full table forgets the one that was quiet longest. */
const MAX_SOURCES = 1_024;

interface Bucket {
  tokens: number;
  filledAtMs: number;
}

export class Admission {
  /** In order of their last attempt. */
  readonly #sources = new Map<string, Bucket>();
  #halfOpen = 0;

  get halfOpen(): number {
    return this.#halfOpen;
  }

  /**
   * Asks to let a connection in.
   *
   * @param source Address it came from, null when the transport does not know.
   * @returns      null when it may come in (and {@link leave} is owed), or why not.
   */
  enter(source: string | null, nowMs: number): string | null {
    if (source !== null && !this.#takeToken(source, nowMs)) return 'too many attempts from this address';
    if (this.#halfOpen >= MAX_HALF_OPEN) return 'too many handshakes under way';
    this.#halfOpen += 1;
    return null;
  }

  /** A connection that was let in proved itself or ended. Call once each. */
  leave(): void {
    this.#halfOpen -= 1;
  }

  #takeToken(source: string, nowMs: number): boolean {
    const bucket = this.#sources.get(source) ?? { tokens: BURST, filledAtMs: nowMs };
    const gained = ((nowMs - bucket.filledAtMs) / 1_000) * RATE_PER_S;
    bucket.tokens = Math.min(BURST, bucket.tokens + gained);
    bucket.filledAtMs = nowMs;
    this.#sources.delete(source);
    this.#sources.set(source, bucket);
    for (const quietest of this.#sources.keys()) {
      if (this.#sources.size <= MAX_SOURCES) break;
      this.#sources.delete(quietest);
    }
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  }
}
