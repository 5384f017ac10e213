/**
 * The router that Ethernet guests of a layer 3 network see: it answers ARP requests and Neighbour
 * Solicitations for every address that is routed elsewhere, with one MAC address of its own.
 *
 * Proxy ARP (RFC 1027) and proxy Neighbour Discovery (RFC 4861 §7.2.8: the router's own flag, and
 * no override, so that a true owner on the link wins). Probes are never answered: to a default
 * route the guest's own address looks routed elsewhere, and the guest would not come up.
 */
import * as arp from '../wire/arp.ts';
import * as ethernet from '../wire/ethernet.ts';
import type { MacAddress } from '../wire/mac-text.ts';
import * as nd from '../wire/nd.ts';
import { writeArpAnswer, writeNdAnswer } from './neighbour-answer.ts';
import { count, NeighbourCounter } from './neighbour-counters.ts';
import { learnArp, learnNd } from './neighbour-learning.ts';
import type { NeighbourTable } from './neighbour-table.ts';

/**
 * Whether an address is reached through the gateway, its own one included. Link-local addresses
 * are not, but for the gateway's own (RFC 3927 §2.7, RFC 4291 §2.5.6).
 *
 * @param ipAt Offset of 4 bytes for family 4, of 16 for family 6.
 */
export type IsRouted = (view: DataView, family: 4 | 6, ipAt: number) => boolean;

/** Owned by one worker, as its table, which holds the guests for packets on their way back. */
export class Gateway {
  readonly #table: NeighbourTable;
  readonly #mac: MacAddress;
  readonly #isRouted: IsRouted;

  /** @param isRouted Called for every question; allocates nothing. */
  constructor(table: NeighbourTable, mac: MacAddress, isRouted: IsRouted) {
    this.#table = table;
    this.#mac = mac;
    this.#isRouted = isRouted;
  }

  /**
   * Takes every frame of the guests and learns their addresses.
   *
   * @param replyAt Where MAX_NEIGHBOUR_ANSWER_LEN bytes are free; they must not overlap the frame.
   * @returns       Length of an answer, to be sent to `fromPort`; 0 when there is none.
   */
  receive(
    view: DataView,
    frameAt: number,
    frameLen: number,
    fromPort: number,
    replyAt: number,
    nowMs: number,
  ): number {
    const typeAt = ethernet.typeAt(view, frameAt, frameLen);
    if (typeAt < 0) return 0;
    const len = frameAt + frameLen - (typeAt + ethernet.TYPE_LEN);
    switch (view.getUint16(typeAt)) {
      case ethernet.EtherType.arp:
        return this.#receiveArp(view, frameAt, typeAt, len, fromPort, replyAt, nowMs);
      case ethernet.EtherType.ipv6:
        return this.#receiveIpv6(view, frameAt, typeAt, len, fromPort, replyAt, nowMs);
      default:
        return 0;
    }
  }

  #receiveArp(
    view: DataView,
    frameAt: number,
    typeAt: number,
    len: number,
    fromPort: number,
    replyAt: number,
    nowMs: number,
  ): number {
    const arpAt = typeAt + ethernet.TYPE_LEN;
    const vlan = ethernet.vlanOf(view, frameAt, typeAt);
    if (!learnArp(this.#table, view, arpAt, len, vlan, fromPort, nowMs)) return 0;
    if (!arp.isQuestion(view, arpAt) || arp.isProbe(view, arpAt)) return 0;
    if (!this.#isForUs(view, frameAt, 4, arpAt + arp.TARGET_IP_AT, vlan, nowMs)) return 0;
    count(this.#table.counters, NeighbourCounter.suppressedArp);
    return writeArpAnswer(view, frameAt, typeAt, replyAt, this.#mac.high, this.#mac.low);
  }

  #receiveIpv6(
    view: DataView,
    frameAt: number,
    typeAt: number,
    len: number,
    fromPort: number,
    replyAt: number,
    nowMs: number,
  ): number {
    const ipAt = typeAt + ethernet.TYPE_LEN;
    const type = nd.messageType(view, ipAt, len);
    if (type === 0) return 0;
    const vlan = ethernet.vlanOf(view, frameAt, typeAt);
    if (!learnNd(this.#table, view, ipAt, type, vlan, fromPort, nowMs)) return 0;
    if (type !== nd.NdType.solicitation || nd.isProbe(view, ipAt)) return 0;
    if (!this.#isForUs(view, frameAt, 6, ipAt + nd.TARGET_AT, vlan, nowMs)) return 0;
    count(this.#table.counters, NeighbourCounter.suppressedNd);
    const { high, low } = this.#mac;
    return writeNdAnswer(view, frameAt, typeAt, replyAt, nd.NdFlag.router, high, low);
  }

  /**
   * Not for a question to another station, nor about an address that a guest has. The gateway's own
   * address can be kept from guests that claim it by a static entry with the gateway's MAC address.
   */
  #isForUs(
    view: DataView,
    frameAt: number,
    family: 4 | 6,
    ipAt: number,
    vlan: number,
    nowMs: number,
  ): boolean {
    const toAt = frameAt + ethernet.DESTINATION_AT;
    if (!ethernet.isGroupAddress(view, toAt) && !this.#isOurMac(view, toAt)) return false;
    const entry = this.#table.find(view, family, ipAt, vlan, nowMs);
    return (entry < 0 || this.#isOurs(entry)) && this.#isRouted(view, family, ipAt);
  }

  #isOurs(entry: number): boolean {
    return this.#table.macHigh(entry) === this.#mac.high && this.#table.macLow(entry) === this.#mac.low;
  }

  #isOurMac(view: DataView, macAt: number): boolean {
    const { high, low } = this.#mac;
    return ethernet.addressHigh(view, macAt) === high && ethernet.addressLow(view, macAt) === low;
  }
}
