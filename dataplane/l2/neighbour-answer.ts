/** Frames that answer an ARP request or a Neighbour Solicitation in a station's place. */
import * as arp from '../wire/arp.ts';
import * as ethernet from '../wire/ethernet.ts';
import * as nd from '../wire/nd.ts';
import type { NeighbourTable } from './neighbour-table.ts';

/** Most bytes of an answer. */
export const MAX_NEIGHBOUR_ANSWER_LEN = ethernet.MAX_HEADER_LEN + nd.ADVERTISEMENT_LEN;

/** Where a group's packets go: this ‖ the last word of the address. @see RFC 2464 §7 */
const IPV6_MULTICAST_MAC = 0x3333;
const ALL_NODES = 1;

/**
 * Whether a question from a local port is to be answered for the station it is about.
 *
 * Only for stations behind remote ports: local ones answer for themselves. Not to a station that
 * has the address itself, as one does that moved here and now probes it: it would take itself for
 * a duplicate. And not in place of a question to the station's own MAC address, which asks whether
 * it is still there (RFC 1122 §2.3.2.1, RFC 4861 §7.3).
 *
 * @param entry What the table found for the address in question.
 */
export function isToBeAnswered(
  table: NeighbourTable,
  entry: number,
  view: DataView,
  frameAt: number,
  fromPort: number,
): boolean {
  if (entry < 0 || table.isRemote(fromPort) || !table.isRemote(table.port(entry))) return false;
  if (table.hasMac(entry, view, frameAt + ethernet.SOURCE_AT)) return false;
  return !table.hasMac(entry, view, frameAt + ethernet.DESTINATION_AT);
}

/**
 * Answers an ARP request: the target is at this MAC address, from which the frame also comes.
 *
 * @param frameAt The frame, whose type is at `typeAt`, with a request that is valid.
 * @returns       Bytes written at `replyAt`.
 */
export function writeArpAnswer(
  view: DataView,
  frameAt: number,
  typeAt: number,
  replyAt: number,
  macHigh: number,
  macLow: number,
): number {
  const headerLen = ethernet.writeAnswerHeader(view, frameAt, typeAt, replyAt, macHigh, macLow);
  return headerLen + arp.writeReply(view, typeAt + ethernet.TYPE_LEN, replyAt + headerLen, macHigh, macLow);
}

/**
 * Answers a solicitation likewise; a probe's answer goes to all nodes, as the station's would
 * (RFC 4861 §7.2.4).
 *
 * @param frameAt The frame, whose type is at `typeAt`, with a solicitation that is valid.
 * @param flags   Router and override flags to set.
 * @returns       Bytes written at `replyAt`.
 */
export function writeNdAnswer(
  view: DataView,
  frameAt: number,
  typeAt: number,
  replyAt: number,
  flags: number,
  macHigh: number,
  macLow: number,
): number {
  const ipAt = typeAt + ethernet.TYPE_LEN;
  const headerLen = ethernet.writeAnswerHeader(view, frameAt, typeAt, replyAt, macHigh, macLow);
  if (nd.isProbe(view, ipAt)) {
    ethernet.writeAddress(view, replyAt + ethernet.DESTINATION_AT, IPV6_MULTICAST_MAC, ALL_NODES);
  }
  return headerLen + nd.writeAdvertisement(view, ipAt, replyAt + headerLen, flags, macHigh, macLow);
}
