/**
 * Counts the packets that a rekey lost: sealed by one end under replaced SAs, but not accepted by
 * the other.
 */
import type { SaProgress } from '../../dataplane/contract.ts';
import type { LaneCount } from '../record/message.ts';

/** Time that packets on the way get before they count as lost, in ms. */
export const SETTLE_MS = 2_000;

/** Counts of these SPIs; those that the data plane no longer knows are left out. */
export function countsOf(progress: readonly SaProgress[], spis: readonly number[]): LaneCount[] {
  const wanted = new Set(spis);
  return progress.filter(({ spi }) => wanted.has(spi)).map(({ spi, packets }) => ({ spi, packets }));
}

/** Whether everything that was sealed under these SPIs has been accepted. */
export function allAccepted(sealed: readonly LaneCount[], accepted: readonly LaneCount[]): boolean {
  return lostPackets(sealed, accepted) === 0;
}

/**
 * Packets that did not arrive.
 *
 * @returns null when an SPI is missing on the accepting side, which restarted or forgot it.
 */
export function lostPackets(sealed: readonly LaneCount[], accepted: readonly LaneCount[]): number | null {
  const acceptedBySpi = new Map(accepted.map(({ spi, packets }) => [spi, packets]));
  let lost = 0;
  for (const { spi, packets } of sealed) {
    const arrived = acceptedBySpi.get(spi);
    if (arrived === undefined) return null;
    lost += Math.max(0, packets - arrived);
  }
  return lost;
}

export function totalPackets(counts: readonly LaneCount[]): number {
  return counts.reduce((sum, { packets }) => sum + packets, 0);
}
