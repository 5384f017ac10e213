/** Why a switch drops frames, and what it counts. */

/** Small positive integers; forward() returns them negated. */
export const SwitchDrop = {
  /** Shorter than an Ethernet header. */
  runt: 1,
  /** The source is a group address or all zeros. */
  invalidSource: 2,
  /** The source is bound to another port. */
  staticViolation: 3,
  /** For the other end of the link, never to be relayed. @see IEEE 802.1Q §8.6.3, table 8-1 */
  reserved: 4,
  /** The destination is behind the port that the frame came from, or there is no other port. */
  noPort: 5,
  /** From a remote peer to a remote peer: they are all connected to each other. */
  splitHorizon: 6,
} as const;
export type SwitchDrop = (typeof SwitchDrop)[keyof typeof SwitchDrop];

export interface SwitchCounters {
  /** Frames to the ports that want them: stations that are known, and groups. */
  readonly forwarded: number;
  /** Frames to all ports that they may go to. */
  readonly flooded: number;
  readonly dropped: Readonly<Record<keyof typeof SwitchDrop, number>>;
}

const FORWARDED = 0;
/** Drop codes begin at 1 and have the places behind the first. */
const FLOODED = Object.keys(SwitchDrop).length + 1;

/** Floats: an integer field that passes 2^31 costs an object a change. */
export class SwitchCounts {
  readonly #cells = new Float64Array(FLOODED + 1);

  forwarded(): void {
    this.#cells[FORWARDED] = this.#get(FORWARDED) + 1;
  }

  flooded(): void {
    this.#cells[FLOODED] = this.#get(FLOODED) + 1;
  }

  dropped(code: SwitchDrop): void {
    this.#cells[code] = this.#get(code) + 1;
  }

  read(): SwitchCounters {
    return {
      forwarded: this.#get(FORWARDED),
      flooded: this.#get(FLOODED),
      dropped: {
        runt: this.#get(SwitchDrop.runt),
        invalidSource: this.#get(SwitchDrop.invalidSource),
        staticViolation: this.#get(SwitchDrop.staticViolation),
        reserved: this.#get(SwitchDrop.reserved),
        noPort: this.#get(SwitchDrop.noPort),
        splitHorizon: this.#get(SwitchDrop.splitHorizon),
      },
    };
  }

  #get(cell: number): number {
    return this.#cells[cell] ?? 0;
  }
}
