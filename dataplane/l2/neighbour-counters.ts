/** What happened to ARP and Neighbour Discovery packets: one array of counters for a network. */

/** Index of each counter. */
export const NeighbourCounter = {
  /** ARP requests that were answered here instead of flooded. */
  suppressedArp: 0,
  /** Addresses that became known. */
  learned: 1,
  /** Addresses that came with another MAC address or from another port. */
  moved: 2,
  /** Addresses not learned because the port or the table has as many as it may have. */
  refusedByCap: 3,
  /** Claims of an address that a static entry gives to somebody else. */
  refusedByStatic: 4,
  /** Packets that break their protocol, or claim addresses that no station can have. */
  malformed: 5,
  /** Addresses forgotten because nobody claimed them for long. */
  aged: 6,
  /** Neighbour solicitations that were answered here instead of flooded. */
  suppressedNd: 7,
} as const;
export type NeighbourCounter = (typeof NeighbourCounter)[keyof typeof NeighbourCounter];

export const NEIGHBOUR_COUNTER_COUNT = 8;

/** 64-bit floats, exact up to 2^53, which count without allocating. */
export function createNeighbourCounters(): Float64Array {
  return new Float64Array(NEIGHBOUR_COUNTER_COUNT);
}

export function count(counters: Float64Array, counter: NeighbourCounter): void {
  counters[counter] = (counters[counter] ?? 0) + 1;
}
