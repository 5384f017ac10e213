/** Answers what the main thread asks about a network's guests, between two batches. */

import { NeighbourCounter } from '../l2/neighbour-counters.ts';
import type { NeighbourEntry } from '../l2/neighbour-table.ts';
import type { Guest } from './guest.ts';
import { readGuestDrops } from './guest-drop.ts';
import type { GuestRouter } from './guest-router.ts';
import type { GuestReading, GuestsReading } from './messages.ts';

export function readGuests(router: GuestRouter): GuestsReading {
  const guests = router.guests();
  const answered = (counter: NeighbourCounter) =>
    sum(guests.map(({ neighbours }) => neighbours.counters[counter] ?? 0));
  return {
    guests: guests.map(readGuest),
    answered: { arp: answered(NeighbourCounter.suppressedArp), nd: answered(NeighbourCounter.suppressedNd) },
  };
}

export function listGuestNeighbours(router: GuestRouter, nowMs: number): NeighbourEntry[] {
  return router.guests().flatMap(({ neighbours }) => [...neighbours.entries(nowMs)]);
}

function readGuest({ id, port, neighbours, drops }: Guest): GuestReading {
  const byReason = readGuestDrops(drops);
  const { counts } = port;
  return {
    id,
    neighbours: neighbours.size,
    counts: {
      ...counts,
      rxDropped: counts.rxDropped + sum(Object.values(byReason.rx)),
      txDropped: counts.txDropped + sum(Object.values(byReason.tx)),
    },
    drops: byReason,
    isClosed: port.isClosed,
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
