/**
 * Whether the peer at the other end of a control connection still lives, without clock or I/O.
 *
 * Transports notice a dead peer after half a minute at best; a ping every 2 s notices within 7 s.
 */

/** Time between two pings in ms. */
export const PING_INTERVAL_MS = 2_000;
/** Silence after which the peer counts as dead, in ms. */
export const DEAD_AFTER_MS = 7_000;
/** Share of a new sample in the smoothed round trip time. @see RFC 6298 §2 */
const RTT_GAIN = 1 / 8;
/** Pings whose answer is awaited at once; with one every 2 s, dead comes before more. */
const MAX_OUTSTANDING = 8;

export type LivenessStep =
  | { readonly kind: 'ping'; readonly id: number }
  | { readonly kind: 'dead'; readonly silentMs: number }
  | { readonly kind: 'wait'; readonly untilMs: number };

/** Liveness of one connection; starts with the moment the peer proved itself. */
export class Liveness {
  readonly #sentAtMs = new Map<number, number>();
  #lastHeardMs: number;
  #nextPingMs: number;
  #nextId = 1;
  #rttMs: number | null = null;

  constructor(nowMs: number) {
    this.#lastHeardMs = nowMs;
    this.#nextPingMs = nowMs;
  }

  /** Smoothed round trip time in ms; null before the first answer. */
  get rttMs(): number | null {
    return this.#rttMs;
  }

  /** What to do now; a ping counts as sent. Ask again at `untilMs` or right after a ping. */
  step(nowMs: number): LivenessStep {
    const deadAtMs = this.#lastHeardMs + DEAD_AFTER_MS;
    if (nowMs >= deadAtMs) return { kind: 'dead', silentMs: nowMs - this.#lastHeardMs };
    if (nowMs < this.#nextPingMs) return { kind: 'wait', untilMs: Math.min(deadAtMs, this.#nextPingMs) };
    this.#nextPingMs = nowMs + PING_INTERVAL_MS;
    const id = this.#nextId;
    // Ids travel as 32 bits.
    this.#nextId = id >= 0xffffffff ? 1 : id + 1;
    this.#sentAtMs.set(id, nowMs);
    for (const oldest of this.#sentAtMs.keys()) {
      if (this.#sentAtMs.size <= MAX_OUTSTANDING) break;
      this.#sentAtMs.delete(oldest);
    }
    return { kind: 'ping', id };
  }

  /** Anything authentic came from the peer. */
  heard(nowMs: number): void {
    this.#lastHeardMs = Math.max(this.#lastHeardMs, nowMs);
  }

  /** An answer came; an id that was not asked or was answered already changes nothing. */
  pong(id: number, nowMs: number): void {
    const sentAtMs = this.#sentAtMs.get(id);
    if (sentAtMs === undefined) return;
    this.#sentAtMs.delete(id);
    const sampleMs = nowMs - sentAtMs;
    this.#rttMs = this.#rttMs === null ? sampleMs : this.#rttMs + (sampleMs - this.#rttMs) * RTT_GAIN;
  }
}
