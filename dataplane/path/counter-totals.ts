/** Sums of counter rows, as statistics show them. */
import { Column, DROP_BASE, ROW_LEN } from './counter-layout.ts';
import { DROPS, type DropCode } from './drop.ts';

/** Sums over workers. Per direction, received = packets + keepalives + the sum of its drops. */
export interface CounterTotals {
  readonly rxReceived: number;
  readonly rxPackets: number;
  readonly rxBytes: number;
  readonly rxKeepalives: number;
  readonly txReceived: number;
  readonly txPackets: number;
  readonly txBytes: number;
  readonly txKeepalives: number;
  /** The latest of all, in ms on the engines' clock; 0 if no authenticated frame came. */
  readonly lastRxAtMs: number;
  /** The largest of all send SAs in use, 0 to 1. */
  readonly txBudgetUsed: number;
  /** Packets by drop code; every code is present. */
  readonly drops: ReadonlyMap<DropCode, number>;
}

/** What can be summed: a counter block. */
export interface RowReader {
  readonly capacity: number;
  /** Copies the row of a slot. */
  readRow(slot: number, row: Float64Array): void;
}

/** Sums the rows of `fromSlot` up to but without `toSlot` over the blocks of all workers. */
export function sumRows(blocks: readonly RowReader[], fromSlot: number, toSlot: number): CounterTotals {
  const sums = new Float64Array(ROW_LEN);
  const row = new Float64Array(ROW_LEN);
  let lastRxAtMs = 0;
  let txBudgetUsed = 0;
  for (const block of blocks) {
    for (let slot = fromSlot; slot < Math.min(toSlot, block.capacity); slot++) {
      block.readRow(slot, row);
      for (let i = 0; i < ROW_LEN; i++) sums[i] = cell(sums, i) + cell(row, i);
      lastRxAtMs = Math.max(lastRxAtMs, cell(row, Column.lastRxAtMs));
      txBudgetUsed = Math.max(txBudgetUsed, cell(row, Column.txBudgetUsed));
    }
  }
  return {
    rxReceived: cell(sums, Column.rxReceived),
    rxPackets: cell(sums, Column.rxPackets),
    rxBytes: cell(sums, Column.rxBytes),
    rxKeepalives: cell(sums, Column.rxKeepalives),
    txReceived: cell(sums, Column.txReceived),
    txPackets: cell(sums, Column.txPackets),
    txBytes: cell(sums, Column.txBytes),
    txKeepalives: cell(sums, Column.txKeepalives),
    lastRxAtMs,
    txBudgetUsed,
    drops: new Map(DROPS.map((code) => [code, cell(sums, DROP_BASE + code)])),
  };
}

function cell(row: Float64Array, column: number): number {
  return row[column] ?? 0;
}
