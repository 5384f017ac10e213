/**
 * Bounds how many dials to one peer run at once: the others wait for their turn.
 *
 * A peer that is in many networks with us is dialled in all of them at the same moment. Of 64 first
 * packets that arrive together the QUIC library drops up to a half, and sends them again after 1 s;
 * eight at a time are through within 0.1 s. Counted by peer, so that one that is off delays no other.
 */

/** Dials to one peer that may run at once. */
export const MAX_DIALS_PER_KEY = 8;

interface Turns {
  running: number;
  /** Each lets one dial begin. */
  readonly waiting: Set<() => void>;
}

export class DialTurns {
  /** By key; only of peers that are being dialled. */
  readonly #turns = new Map<string, Turns>();

  /** Keys that are being dialled. */
  get size(): number {
    return this.#turns.size;
  }

  /**
   * Waits for a turn.
   *
   * @param limitMs How long.
   * @returns       Ends the turn, to be called once; null when none came in time.
   */
  async take(key: Uint8Array, limitMs: number): Promise<(() => void) | null> {
    const name = Buffer.from(key).toString('hex');
    const turns = this.#turns.get(name) ?? { running: 0, waiting: new Set() };
    this.#turns.set(name, turns);
    const end = (): void => this.#end(name, turns);
    if (turns.running < MAX_DIALS_PER_KEY) {
      turns.running += 1;
      return end;
    }
    return (await takesOver(turns, limitMs)) ? end : null;
  }

  /** The turn goes to who waits longest, if somebody does. */
  #end(name: string, turns: Turns): void {
    for (const begin of turns.waiting) {
      turns.waiting.delete(begin);
      begin();
      return;
    }
    turns.running -= 1;
    if (turns.running === 0) this.#turns.delete(name);
  }
}

/** @returns whether somebody's turn was handed over within the time. */
function takesOver({ waiting }: Turns, limitMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const begin = (): void => {
      clearTimeout(timer);
      resolve(true);
    };
    const timer = setTimeout(() => {
      waiting.delete(begin);
      resolve(false);
    }, limitMs);
    waiting.add(begin);
  });
}
