/**
 * Decides how long a queue looks for its next packet before it sleeps.
 *
 * Who sent a request gets an answer soon: a thread that slept meanwhile is woken with cold caches,
 * which costs more than the rest of its work. So after few packets out it looks on for a while,
 * giving its core to whoever wants it. How long depends on how long the wait turned out to be,
 * last time: where answers come it is worth it, where none do nothing is spent. Under load there
 * is always a next packet, and no window.
 *
 * @see Documentation/virt/guest-halt-polling.rst, whose rule this is
 */

/** Longest time to look; a wait that is longer was not worth looking. */
const MAX_MS = 0.4;
/** Shortest, so that what becomes of it is always seen. */
const MIN_MS = 0.01;
const GROWTH = 4;
/** A turn of more frames is traffic, not a request. */
const FEW_FRAMES = 4;

/** Owned by the queue's worker. */
export class WaitWindow {
  #ms = MAX_MS;
  #isOpen = false;

  /** How long to look now, in ms; 0 to sleep at once. */
  get ms(): number {
    return this.#isOpen ? this.#ms : 0;
  }

  /** A turn ended. @param sent Frames sealed in it. @param received Frames opened. */
  turned(sent: number, received: number): void {
    this.#isOpen = sent > 0 && sent <= FEW_FRAMES && received === 0;
  }

  /** The wait after that turn brought an answer after `ms`; Infinity when it brought something else. */
  waited(ms: number): void {
    if (ms > MAX_MS) this.#ms = MIN_MS;
    else this.#ms = Math.min(MAX_MS, this.#ms * GROWTH);
  }
}
