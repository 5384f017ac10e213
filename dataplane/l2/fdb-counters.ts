/** What a forwarding database counts. */

export interface FdbCounters {
  /** Entries now, those that have aged but were not swept yet included. */
  readonly size: number;
  readonly learned: number;
  readonly moved: number;
  readonly aged: number;
  /** Frames whose source was not learned: its port has all the stations it may have. */
  readonly refusedPortCap: number;
  /** Frames whose source was not learned: the table is full. */
  readonly refusedTableCap: number;
  /** Frames whose source stays behind another port: it moved too often. */
  readonly refusedMoves: number;
  /** Frames whose source is bound to another port. */
  readonly staticViolations: number;
}

export const Count = {
  learned: 0,
  moved: 1,
  aged: 2,
  portCap: 3,
  tableCap: 4,
  moveLimit: 5,
  staticViolation: 6,
} as const;
export type Count = (typeof Count)[keyof typeof Count];

/** Floats: an integer field that passes 2^31 costs an object a change. */
export class FdbCounts {
  readonly #cells = new Float64Array(Object.keys(Count).length);

  add(column: Count, by: number): void {
    this.#cells[column] = this.#get(column) + by;
  }

  read(size: number): FdbCounters {
    return {
      size,
      learned: this.#get(Count.learned),
      moved: this.#get(Count.moved),
      aged: this.#get(Count.aged),
      refusedPortCap: this.#get(Count.portCap),
      refusedTableCap: this.#get(Count.tableCap),
      refusedMoves: this.#get(Count.moveLimit),
      staticViolations: this.#get(Count.staticViolation),
    };
  }

  #get(column: Count): number {
    return this.#cells[column] ?? 0;
  }
}
