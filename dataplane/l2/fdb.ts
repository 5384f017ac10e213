/**
 * The forwarding database: which port a station's MAC address is behind.
 *
 * Anyone on a port can forge source addresses, so nothing here grows with what comes: a port has
 * a cap of learned stations, the table has one, and an address that moves too often stays put.
 * A station that is not learned is still served; frames to it are flooded.
 *
 * @see IEEE 802.1Q §8.7 (learning), §8.8 (the database)
 */
import { formatMac, type MacAddress } from '../wire/mac-text.ts';
import { Count, type FdbCounters, FdbCounts } from './fdb-counters.ts';
import { MacTable, NO_SLOT } from './mac-table.ts';
import { StationPorts } from './station-ports.ts';

/** What learn() made of a frame's source. A negative one says that the frame is to be dropped. */
export const Learn = {
  /** A station that was known here; its age is 0 again. */
  known: 0,
  learned: 1,
  moved: 2,
  /** The port is not one to learn from. */
  notLearning: 3,
  portCap: 4,
  tableCap: 5,
  /** The station moved too often and stays where it is for now. */
  moveLimit: 6,
  /** A group address or all zeros. */
  invalidSource: -1,
  /** The address is bound to another port. */
  staticViolation: -2,
} as const;
export type Learn = (typeof Learn)[keyof typeof Learn];

export const NO_PORT = -1;

export interface FdbOptions {
  /** 32 random bits, of which stations know nothing. */
  readonly seed: number;
  /** Learned and static entries together, 1 to 1,000,000. */
  readonly maxEntries?: number;
  /** An entry that was not seen for longer is as good as none. */
  readonly ageingMs?: number;
  /** Moves of one station within `moveWindowMs` of its first, 1 or more. */
  readonly maxMoves?: number;
  readonly moveWindowMs?: number;
}

export interface FdbEntry {
  readonly mac: string;
  readonly port: number;
  readonly isStatic: boolean;
  /** Since the station was last heard; null for a static entry. */
  readonly ageMs: number | null;
}

const MAX_ENTRIES = 1_000_000;
/** First octet's lowest bit, in the first 16 bits of an address. */
const GROUP_BIT = 0x0100;

/** Owned by one thread. Times are in ms on the caller's clock, which does not step. */
export class Fdb {
  readonly #maxEntries: number;
  readonly #ageingMs: number;
  readonly #maxMoves: number;
  readonly #moveWindowMs: number;
  readonly #table: MacTable;
  readonly #ports = new StationPorts();
  readonly #counts = new FdbCounts();
  /**
   * Changes whenever an entry goes or changes its port: slots and ports that were found before are
   * then no longer true.
   */
  version = 0;
  /** Slot of the source that learn() saw last; NO_SLOT when it is not known behind its port. */
  sourceSlot = NO_SLOT;
  /** Slot that lookup() found last; NO_SLOT when there was none. */
  foundSlot = NO_SLOT;

  /** @throws {RangeError} for options out of range. */
  constructor(options: FdbOptions) {
    const { maxEntries = 16_384, ageingMs = 300_000, maxMoves = 5, moveWindowMs = 10_000 } = options;
    if (!Number.isInteger(maxEntries) || maxEntries < 1 || maxEntries > MAX_ENTRIES) {
      throw new RangeError(`A forwarding database of ${maxEntries} entries: expected 1 to ${MAX_ENTRIES}`);
    }
    if (!(maxMoves >= 1)) throw new RangeError(`A limit of ${maxMoves} moves: expected 1 or more`);
    this.#maxEntries = maxEntries;
    this.#ageingMs = ageingMs;
    this.#maxMoves = maxMoves;
    this.#moveWindowMs = moveWindowMs;
    this.#table = new MacTable(maxEntries, options.seed);
  }

  /** @throws {RangeError} for an id that is out of range or in use. */
  addPort(port: number, maxStations: number, learns: boolean): void {
    this.#ports.add(port, maxStations, learns);
  }

  /** Removes a port and all its entries, static ones too. @returns how many. */
  removePort(port: number): number {
    const removed = this.#removeWhere((slot) => this.#table.port(slot) === port);
    this.#ports.remove(port);
    return removed;
  }

  /** Stations that are learned behind a port now. */
  stationsBehind(port: number): number {
    return this.#ports.stations(port);
  }

  /** Learns where the station is that a frame came from. */
  learn(view: DataView, macAt: number, port: number, nowMs: number): Learn {
    const hi = view.getUint16(macAt);
    const lo = view.getInt32(macAt + 2);
    this.sourceSlot = NO_SLOT;
    if ((hi & GROUP_BIT) !== 0 || (hi | lo) === 0) return Learn.invalidSource;
    const slot = this.#table.find(hi, lo);
    if (slot === NO_SLOT) return this.#learnNew(hi, lo, port, nowMs);
    if (this.#table.isStatic(slot)) return this.#meetStatic(slot, port);
    if (!this.#isFresh(slot, nowMs)) return this.#learnAgain(slot, port, nowMs);
    if (this.#table.port(slot) !== port) return this.#move(slot, port, nowMs);
    this.#table.setSeen(slot, nowMs);
    this.sourceSlot = slot;
    return Learn.known;
  }

  /** Whether learn() would not have the frame dropped; learns and counts nothing. */
  admits(view: DataView, macAt: number, port: number): boolean {
    const hi = view.getUint16(macAt);
    const lo = view.getInt32(macAt + 2);
    if ((hi & GROUP_BIT) !== 0 || (hi | lo) === 0) return false;
    const slot = this.#table.find(hi, lo);
    return slot === NO_SLOT || !this.#table.isStatic(slot) || this.#table.port(slot) === port;
  }

  /** @returns the port that a station is behind, NO_PORT when that is not known. */
  lookup(view: DataView, macAt: number, nowMs: number): number {
    const slot = this.#table.find(view.getUint16(macAt), view.getInt32(macAt + 2));
    this.foundSlot = slot;
    return slot !== NO_SLOT && this.#isFresh(slot, nowMs) ? this.#table.port(slot) : NO_PORT;
  }

  /**
   * Does again what learn() and lookup() did for a pair, while `version` is what it was then.
   *
   * @returns the destination's port, NO_PORT when either entry has aged: nothing was done then.
   */
  repeat(sourceSlot: number, foundSlot: number, nowMs: number): number {
    if (!this.#isFresh(sourceSlot, nowMs) || !this.#isFresh(foundSlot, nowMs)) return NO_PORT;
    this.#table.setSeen(sourceSlot, nowMs);
    return this.#table.port(foundSlot);
  }

  /**
   * Binds an address to a port, in place of whatever was known of it. Where the table is full
   * the learned entry that was silent for longest gives way.
   *
   * @throws {RangeError} for a group or zero address, a port that is not there, or a table that
   *   is full of static entries.
   */
  addStatic(mac: MacAddress, port: number): void {
    const { high, low } = mac;
    const text = formatMac(high, low);
    if ((high & GROUP_BIT) !== 0 || (high | low) === 0) {
      throw new RangeError(`${text} is not the address of a station`);
    }
    if (!this.#ports.has(port)) throw new RangeError(`There is no port ${port} for ${text}`);
    this.remove(mac);
    if (this.#table.size >= this.#maxEntries) this.#removeOldest();
    this.#table.setStatic(this.#table.insert(high, low, port));
  }

  /** Removes one entry, learned or static. @returns whether there was one. */
  remove({ high, low }: MacAddress): boolean {
    const slot = this.#table.find(high, low);
    if (slot === NO_SLOT) return false;
    this.#remove(slot);
    return true;
  }

  /** Removes all learned entries, or those of one port. @returns how many. */
  flush(port: number | null = null): number {
    const table = this.#table;
    return this.#removeWhere((slot) => !table.isStatic(slot) && (port === null || table.port(slot) === port));
  }

  /** Removes what has aged: to be called every few seconds. @returns how many. */
  sweep(nowMs: number): number {
    const removed = this.#removeWhere((slot) => !this.#isFresh(slot, nowMs));
    this.#counts.add(Count.aged, removed);
    return removed;
  }

  /** What is known now, in no order. */
  entries(nowMs: number): FdbEntry[] {
    const table = this.#table;
    const found: FdbEntry[] = [];
    for (let slot = 0; slot < table.capacity; slot++) {
      if (!table.isUsed(slot) || !this.#isFresh(slot, nowMs)) continue;
      const isStatic = table.isStatic(slot);
      found.push({
        mac: formatMac(table.hi(slot), table.lo(slot)),
        port: table.port(slot),
        isStatic,
        ageMs: isStatic ? null : nowMs - table.seenMs(slot),
      });
    }
    return found;
  }

  counters(): FdbCounters {
    return this.#counts.read(this.#table.size);
  }

  #learnNew(hi: number, lo: number, port: number, nowMs: number): Learn {
    if (!this.#ports.learns(port)) return Learn.notLearning;
    if (!this.#ports.hasRoom(port)) return this.#refuse(Learn.portCap, Count.portCap);
    if (this.#table.size >= this.#maxEntries) return this.#refuse(Learn.tableCap, Count.tableCap);
    const slot = this.#table.insert(hi, lo, port);
    this.#table.setSeen(slot, nowMs);
    return this.#settle(slot, port, Learn.learned, Count.learned);
  }

  /** An entry that has aged is as good as none, except that its place is there to be used. */
  #learnAgain(slot: number, port: number, nowMs: number): Learn {
    const former = this.#table.port(slot);
    if (!this.#ports.learns(port)) return Learn.notLearning;
    if (port !== former && !this.#ports.hasRoom(port)) return this.#refuse(Learn.portCap, Count.portCap);
    this.#relocate(slot, port, nowMs);
    this.#table.setMoves(slot, 0);
    this.#counts.add(Count.aged, 1);
    return this.#settle(slot, port, Learn.learned, Count.learned);
  }

  #move(slot: number, port: number, nowMs: number): Learn {
    const table = this.#table;
    if (!this.#ports.learns(port)) return Learn.notLearning;
    // Loops and forgers make an address appear here and there in turn.
    const isWithin = table.moves(slot) > 0 && nowMs - table.movingSinceMs(slot) < this.#moveWindowMs;
    if (isWithin && table.moves(slot) >= this.#maxMoves) {
      return this.#refuse(Learn.moveLimit, Count.moveLimit);
    }
    if (!this.#ports.hasRoom(port)) return this.#refuse(Learn.portCap, Count.portCap);
    if (!isWithin) table.setMovingSince(slot, nowMs);
    table.setMoves(slot, isWithin ? table.moves(slot) + 1 : 1);
    this.#relocate(slot, port, nowMs);
    return this.#settle(slot, port, Learn.moved, Count.moved);
  }

  #relocate(slot: number, port: number, nowMs: number): void {
    this.#ports.count(this.#table.port(slot), -1);
    this.#table.setPort(slot, port);
    this.#table.setSeen(slot, nowMs);
    this.version = (this.version + 1) | 0;
  }

  #meetStatic(slot: number, port: number): Learn {
    if (this.#table.port(slot) !== port) return this.#refuse(Learn.staticViolation, Count.staticViolation);
    this.sourceSlot = slot;
    return Learn.known;
  }

  /** Counts a station that its port has from now on. */
  #settle(slot: number, port: number, outcome: Learn, column: Count): Learn {
    this.#ports.count(port, 1);
    this.#counts.add(column, 1);
    this.sourceSlot = slot;
    return outcome;
  }

  #refuse(outcome: Learn, column: Count): Learn {
    this.#counts.add(column, 1);
    return outcome;
  }

  #isFresh(slot: number, nowMs: number): boolean {
    return nowMs - this.#table.seenMs(slot) <= this.#ageingMs || this.#table.isStatic(slot);
  }

  #remove(slot: number): void {
    if (!this.#table.isStatic(slot)) this.#ports.count(this.#table.port(slot), -1);
    this.#table.remove(slot);
    this.version = (this.version + 1) | 0;
  }

  #removeWhere(isMeant: (slot: number) => boolean): number {
    const before = this.#table.size;
    // A removal may put another entry in the same place: it is looked at again.
    for (let slot = 0; slot < this.#table.capacity; ) {
      if (this.#table.isUsed(slot) && isMeant(slot)) this.#remove(slot);
      else slot++;
    }
    return before - this.#table.size;
  }

  #removeOldest(): void {
    const table = this.#table;
    let oldest = NO_SLOT;
    for (let slot = 0; slot < table.capacity; slot++) {
      if (!table.isUsed(slot) || table.isStatic(slot)) continue;
      if (oldest === NO_SLOT || table.seenMs(slot) < table.seenMs(oldest)) oldest = slot;
    }
    if (oldest === NO_SLOT) throw new RangeError(`All ${this.#maxEntries} entries are static`);
    this.#remove(oldest);
  }
}
