/** How many stations each port has and may have: what keeps one port from filling the table. */

/** State, stations, most stations. */
const FIELDS = 3;
const STATE = 0;
const STATIONS = 1;
const MAX_STATIONS = 2;
const ABSENT = 0;
const LEARNS = 1;
const LEARNS_NOT = 2;
/** A port's id is its place in tables. */
const MAX_PORTS = 65_536;

/** Indexed by port id. Owned by the thread of its forwarding database. */
export class StationPorts {
  #fields = new Int32Array(16 * FIELDS);

  /** @throws {RangeError} for an id that is out of range or in use, or a negative number of stations. */
  add(port: number, maxStations: number, learns: boolean): void {
    checkPortId(port);
    if (this.has(port)) throw new RangeError(`Port ${port} is there already`);
    if (!Number.isInteger(maxStations) || maxStations < 0 || maxStations > 0x7fff_ffff) {
      throw new RangeError(`Port ${port} may have ${maxStations} stations: expected a whole number from 0`);
    }
    if (port * FIELDS >= this.#fields.length) {
      const grown = new Int32Array(Math.max(this.#fields.length * 2, (port + 1) * FIELDS));
      grown.set(this.#fields);
      this.#fields = grown;
    }
    this.#fields[port * FIELDS + STATE] = learns ? LEARNS : LEARNS_NOT;
    this.#fields[port * FIELDS + MAX_STATIONS] = maxStations;
  }

  /** Removes a port that has no stations left. */
  remove(port: number): void {
    if (this.has(port)) this.#fields[port * FIELDS + STATE] = ABSENT;
  }

  has(port: number): boolean {
    return (this.#fields[port * FIELDS + STATE] ?? ABSENT) !== ABSENT;
  }

  /** Whether stations are learned from the port at all. */
  learns(port: number): boolean {
    return this.#fields[port * FIELDS + STATE] === LEARNS;
  }

  /** Learned stations. */
  stations(port: number): number {
    return this.#fields[port * FIELDS + STATIONS] ?? 0;
  }

  hasRoom(port: number): boolean {
    return this.stations(port) < (this.#fields[port * FIELDS + MAX_STATIONS] ?? 0);
  }

  /** @param by 1 or −1. */
  count(port: number, by: number): void {
    this.#fields[port * FIELDS + STATIONS] = this.stations(port) + by;
  }
}

/** @throws {RangeError} for what is no port id: whole numbers from 0 to 65,535. */
export function checkPortId(port: number): void {
  if (!Number.isInteger(port) || port < 0 || port >= MAX_PORTS) {
    throw new RangeError(`Port id is ${port}, expected 0 to ${MAX_PORTS - 1}`);
  }
}
