/**
 * Answers ARP requests from local ports for stations behind peers, so that they are not flooded
 * to every peer, and learns from all ARP packets who has which address.
 *
 * The answer is what the station itself would send, with its MAC address as the frame's source, so
 * that whoever learns from it learns the truth. Probes are answered too: the address is in use.
 */
import * as arp from '../wire/arp.ts';
import * as ethernet from '../wire/ethernet.ts';
import { isToBeAnswered, writeArpAnswer } from './neighbour-answer.ts';
import { count, NeighbourCounter } from './neighbour-counters.ts';
import { learnArp } from './neighbour-learning.ts';
import type { NeighbourTable } from './neighbour-table.ts';

/** Owned by one worker, as its table. */
export class ArpProxy {
  readonly #table: NeighbourTable;

  constructor(table: NeighbourTable) {
    this.#table = table;
  }

  /**
   * Takes every frame of the network, from local ports and from peers.
   *
   * @param replyAt Where MAX_NEIGHBOUR_ANSWER_LEN bytes are free; they must not overlap the frame.
   * @returns       Length of an answer, to be sent to `fromPort` while the frame is dropped; 0 when
   *                the frame goes its way.
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
    if (typeAt < 0 || view.getUint16(typeAt) !== ethernet.EtherType.arp) return 0;
    const table = this.#table;
    const arpAt = typeAt + ethernet.TYPE_LEN;
    const vlan = ethernet.vlanOf(view, frameAt, typeAt);
    if (!learnArp(table, view, arpAt, frameAt + frameLen - arpAt, vlan, fromPort, nowMs)) return 0;
    if (!arp.isQuestion(view, arpAt)) return 0;

    const entry = table.find(view, 4, arpAt + arp.TARGET_IP_AT, vlan, nowMs);
    if (!isToBeAnswered(table, entry, view, frameAt, fromPort)) return 0;
    // A wireless bridge passes its stations' packets on in frames of its own.
    if (table.hasMac(entry, view, arpAt + arp.SENDER_MAC_AT)) return 0;
    count(table.counters, NeighbourCounter.suppressedArp);
    return writeArpAnswer(view, frameAt, typeAt, replyAt, table.macHigh(entry), table.macLow(entry));
  }
}
