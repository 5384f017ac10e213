/**
 * The data plane's counters in shared memory: one worker writes, any thread reads.
 *
 * A block has a row per peer slot; row 0 is for packets that belong to no known peer. Cells
 * are 64-bit floats at 8-byte alignment, exact up to 2^53, and one load or store each on every
 * machine that Node runs on, so that a reader never sees half a number.
 *
 * Packets are counted only when their fate is known, received and outcome in one method, so
 * that in each row received = delivered + keepalives + drops, whoever adds a pipeline exit.
 */
import { Column, DROP_BASE, ROW_LEN } from './counter-layout.ts';
import { type CounterTotals, sumRows } from './counter-totals.ts';

const CELL_BYTES = Float64Array.BYTES_PER_ELEMENT;
const MAX_CAPACITY = 65_536;
/** Tries of a reader to see a row at rest; a writer stores for some ns in each µs. */
const READ_TRIES = 16;

export class CounterBlock {
  /** Number of slots, slot 0 included. */
  readonly capacity: number;
  /** Shared with readers, and with the worker that owns the block. */
  readonly buffer: SharedArrayBuffer;
  readonly #cells: Float64Array;

  /**
   * @param buffer   From `allocate` with the same capacity; counting goes on from what it holds.
   * @param capacity Slots, slot 0 included.
   * @throws {RangeError} for a capacity out of range or a buffer of another size.
   */
  constructor(buffer: SharedArrayBuffer, capacity: number) {
    const len = blockBytes(capacity);
    if (buffer.byteLength !== len) {
      throw new RangeError(`Counter memory has ${buffer.byteLength} bytes: ${capacity} slots need ${len}`);
    }
    this.capacity = capacity;
    this.buffer = buffer;
    this.#cells = new Float64Array(buffer);
  }

  /**
   * Memory for a block, all zero.
   *
   * @param capacity Slots, slot 0 included; 1 to 65,536.
   * @throws {RangeError} for a capacity out of range.
   */
  static allocate(capacity: number): SharedArrayBuffer {
    return new SharedArrayBuffer(blockBytes(capacity));
  }

  /** Totals of one slot over the blocks of all workers. */
  static sum(blocks: readonly CounterBlock[], slot: number): CounterTotals {
    return sumRows(blocks, slot, slot + 1);
  }

  /** Totals of all slots over all blocks, the slot of unknown peers included. */
  static sumAll(blocks: readonly CounterBlock[]): CounterTotals {
    return sumRows(blocks, 0, MAX_CAPACITY);
  }

  /** Frames sent to a peer: packets and keepalives. */
  framesSent(slot: number): number {
    const at = slot * ROW_LEN;
    return (this.#cells[at + Column.txPackets] ?? 0) + (this.#cells[at + Column.txKeepalives] ?? 0);
  }

  /** Writer only: an inner packet reached the port. */
  rxDelivered(slot: number, bytes: number): void {
    this.#add(slot, Column.rxReceived, 1);
    this.#add(slot, Column.rxPackets, 1);
    this.#add(slot, Column.rxBytes, bytes);
  }

  /** Writer only: an authenticated keepalive came. */
  rxKeepalive(slot: number): void {
    this.#add(slot, Column.rxReceived, 1);
    this.#add(slot, Column.rxKeepalives, 1);
  }

  /** Writer only: a datagram from the underlay was dropped. */
  rxDropped(slot: number, code: number): void {
    this.#add(slot, Column.rxReceived, 1);
    this.#add(slot, DROP_BASE + code, 1);
  }

  /** Writer only: packets counted as delivered were not, for a reason of `code`. */
  rxRefused(slot: number, packets: number, bytes: number, code: number): void {
    this.#add(slot, Column.rxPackets, -packets);
    this.#add(slot, Column.rxBytes, -bytes);
    this.#add(slot, DROP_BASE + code, packets);
  }

  /** Writer only: a frame was authenticated, whatever its inner packet is worth. */
  rxAuthenticated(slot: number, nowMs: number): void {
    this.#set(slot, Column.lastRxAtMs, nowMs);
  }

  /** Writer only: a packet from the port was sealed and goes to the underlay. */
  txDelivered(slot: number, bytes: number): void {
    this.#add(slot, Column.txReceived, 1);
    this.#add(slot, Column.txPackets, 1);
    this.#add(slot, Column.txBytes, bytes);
  }

  /** Writer only: a keepalive was sealed. */
  txKeepalive(slot: number): void {
    this.#add(slot, Column.txKeepalives, 1);
  }

  /** Writer only: packets from the port were dropped. */
  txDropped(slot: number, code: number, packets = 1): void {
    this.#add(slot, Column.txReceived, packets);
    this.#add(slot, DROP_BASE + code, packets);
  }

  /** Writer only: packets counted as sent were refused by the underlay, for a reason of `code`. */
  txSendFailed(slot: number, packets: number, bytes: number, code: number): void {
    this.#add(slot, Column.txPackets, -packets);
    this.#add(slot, Column.txBytes, -bytes);
    this.#add(slot, DROP_BASE + code, packets);
  }

  /** Writer only: a keepalive counted as sent was refused by the underlay. */
  txKeepaliveFailed(slot: number, frames: number): void {
    this.#add(slot, Column.txKeepalives, -frames);
  }

  /** Writer only: state of the current send SA; an SPI of 0 says there is none. */
  txSa(slot: number, spi: number, sealed: number, budgetUsed: number): void {
    this.#set(slot, Column.txSpi, spi);
    this.#set(slot, Column.txSealed, sealed);
    this.#set(slot, Column.txBudgetUsed, budgetUsed);
  }

  /**
   * Writer only: the slot's peer is gone. What it counted moves to slot 0, so that the totals
   * stay, and the next peer in the slot starts at zero.
   */
  clearSlot(slot: number): void {
    for (let column = 0; column < ROW_LEN; column++) {
      const value = this.#cells[slot * ROW_LEN + column] ?? 0;
      const isCount = column <= Column.txKeepalives || column > DROP_BASE;
      if (isCount) this.#add(0, column, value);
      this.#set(slot, column, 0);
    }
  }

  /**
   * Copies a row, for any thread.
   *
   * Reads until two reads agree, so that a packet is not seen in one column and missed in
   * another; under a writer that never rests the last read stands.
   *
   * @param row At least `ROW_LEN` cells; overwritten.
   */
  readRow(slot: number, row: Float64Array): void {
    for (let tries = 0; tries < READ_TRIES; tries++) {
      if (!this.#copyRow(slot, row)) return;
    }
  }

  /** @returns Whether any cell differed from what `row` held; the first call may say so by chance. */
  #copyRow(slot: number, row: Float64Array): boolean {
    const start = slot * ROW_LEN;
    let changed = false;
    for (let i = 0; i < ROW_LEN; i++) {
      const cell = this.#cells[start + i] ?? 0;
      changed ||= cell !== row[i];
      row[i] = cell;
    }
    return changed;
  }

  #add(slot: number, column: number, amount: number): void {
    const at = slot * ROW_LEN + column;
    this.#cells[at] = (this.#cells[at] ?? 0) + amount;
  }

  #set(slot: number, column: number, value: number): void {
    this.#cells[slot * ROW_LEN + column] = value;
  }
}

function blockBytes(capacity: number): number {
  if (!Number.isInteger(capacity) || capacity < 1 || capacity > MAX_CAPACITY) {
    throw new RangeError(`Cannot make ${capacity} counter slots: expected 1 to ${MAX_CAPACITY}`);
  }
  return capacity * ROW_LEN * CELL_BYTES;
}
