/** The ports that neighbours are behind: which are remote, and how many addresses each may teach. */

const MAX_PORT = 65_535;
const ABSENT = -1;

export interface NeighbourPortOptions {
  /** Behind a peer: what is asked on a local port is answered on its behalf. */
  readonly isRemote: boolean;
  /** Addresses that the port may teach. */
  readonly maxNeighbours: number;
}

/** Owned by one worker, as its table. */
export class NeighbourPorts {
  #caps = new Int32Array(0);
  #learned = new Int32Array(0);
  #isRemote = new Uint8Array(0);

  /**
   * Adds a port, or changes one and keeps its count.
   *
   * @throws {RangeError} for a port that is not 0 to 65535 or a cap that is no natural number.
   */
  add(port: number, options: NeighbourPortOptions): void {
    if (!Number.isInteger(port) || port < 0 || port > MAX_PORT) {
      throw new RangeError(`port is ${port}, expected 0 to ${MAX_PORT}`);
    }
    const cap = options.maxNeighbours;
    if (!Number.isInteger(cap) || cap < 0 || cap > 0x7fff_ffff) {
      throw new RangeError(`neighbours of port ${port} are capped at ${cap}, expected 0 to 2^31 - 1`);
    }
    if (port >= this.#caps.length) this.#grow(port + 1);
    this.#caps[port] = cap;
    this.#isRemote[port] = options.isRemote ? 1 : 0;
  }

  /** The table forgot its addresses before. */
  remove(port: number): void {
    if (!this.has(port)) return;
    this.#caps[port] = ABSENT;
    this.#isRemote[port] = 0;
  }

  has(port: number): boolean {
    return (this.#caps[port] ?? ABSENT) !== ABSENT;
  }

  /** false for a port that was not added, too. */
  isRemote(port: number): boolean {
    return this.#isRemote[port] === 1;
  }

  /** Addresses learned from the port. */
  learned(port: number): number {
    return this.#learned[port] ?? 0;
  }

  /** false for a port that was not added, too. */
  hasRoom(port: number): boolean {
    return this.learned(port) < (this.#caps[port] ?? ABSENT);
  }

  /** @param change 1 for an address learned, −1 for one forgotten. */
  count(port: number, change: 1 | -1): void {
    this.#learned[port] = this.learned(port) + change;
  }

  #grow(length: number): void {
    const caps = new Int32Array(length).fill(ABSENT);
    const learned = new Int32Array(length);
    const isRemote = new Uint8Array(length);
    caps.set(this.#caps);
    learned.set(this.#learned);
    isRemote.set(this.#isRemote);
    this.#caps = caps;
    this.#learned = learned;
    this.#isRemote = isRemote;
  }
}
