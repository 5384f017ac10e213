/** What ARP and Neighbour Discovery packets teach a table about their senders. */
import * as arp from '../wire/arp.ts';
import * as ipv6 from '../wire/ipv6.ts';
import * as nd from '../wire/nd.ts';
import { count, NeighbourCounter } from './neighbour-counters.ts';
import { Claim, type NeighbourTable } from './neighbour-table.ts';

/**
 * Learns the sender of a request, a reply or a gratuitous packet. Probes teach nothing: their
 * sender does not have the address yet (RFC 5227 §2.1.1).
 *
 * @param arpAt Start of the packet, `len` bytes with padding.
 * @returns     false for a malformed packet, which is counted.
 */
export function learnArp(
  table: NeighbourTable,
  view: DataView,
  arpAt: number,
  len: number,
  vlan: number,
  port: number,
  nowMs: number,
): boolean {
  if (!arp.checkPacket(view, arpAt, len)) {
    count(table.counters, NeighbourCounter.malformed);
    return false;
  }
  if (arp.isProbe(view, arpAt)) return true;
  const ipAt = arpAt + arp.SENDER_IP_AT;
  table.learn(view, 4, ipAt, vlan, arpAt + arp.SENDER_MAC_AT, port, Claim.overrides, nowMs);
  return true;
}

/**
 * Learns the source of a solicitation or the target of an advertisement, where it comes with a
 * link-layer address. Probes come without (RFC 4861 §7.1.1).
 *
 * @param ipAt Start of the IPv6 header.
 * @param type What nd.messageType() said, not 0.
 * @returns    false for a malformed message, which is counted.
 */
export function learnNd(
  table: NeighbourTable,
  view: DataView,
  ipAt: number,
  type: number,
  vlan: number,
  port: number,
  nowMs: number,
): boolean {
  if (!nd.checkMessage(view, ipAt, type)) {
    count(table.counters, NeighbourCounter.malformed);
    return false;
  }
  if (type === nd.NdType.solicitation) {
    const macAt = nd.linkLayerAddressAt(view, ipAt, nd.NdOption.source);
    if (macAt < 0) return true;
    table.learn(view, 6, ipAt + ipv6.SOURCE_AT, vlan, macAt, port, Claim.overrides, nowMs);
    return true;
  }
  const macAt = nd.linkLayerAddressAt(view, ipAt, nd.NdOption.target);
  if (macAt < 0) return true;
  table.learn(view, 6, ipAt + nd.TARGET_AT, vlan, macAt, port, claimsOf(nd.flags(view, ipAt)), nowMs);
  return true;
}

function claimsOf(flags: number): number {
  const overrides = (flags & nd.NdFlag.override) !== 0 ? Claim.overrides : 0;
  const isRouter = (flags & nd.NdFlag.router) !== 0 ? Claim.isRouter : 0;
  return Claim.saysRouter | overrides | isRouter;
}
