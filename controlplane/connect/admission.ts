/**
 * How many strangers may be halfway in, and how often one source may try.
 *
 * Reading a first message costs three X25519 operations; without bounds whoever can open
 * connections keeps the control plane busy and its peers out.
 */
import { SourceRate } from '../transport/source-rate.ts';

/**
 * Connections whose peer has not proved itself yet, in all: more than one source gets by its rate
 * and burst in the 10 s that each of them may take.
 */
export const MAX_HALF_OPEN = 256;
/**
 * Attempts per second and source, and how many may come at once: a host that shares 64 networks
 * with us calls in all of them at the same moment, and once more when it is started anew.
 */
const RATE_PER_S = 10;
export const BURST = 128;

export class Admission {
  readonly #rate = new SourceRate(RATE_PER_S, BURST);
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
    if (source !== null && !this.#rate.take(source, nowMs)) return 'too many attempts from this address';
    if (this.#halfOpen >= MAX_HALF_OPEN) return 'too many handshakes under way';
    this.#halfOpen += 1;
    return null;
  }

  /** A connection that was let in proved itself or ended. Call once each. */
  leave(): void {
    this.#halfOpen -= 1;
  }
}
