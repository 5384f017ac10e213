/**
 * Answers Neighbour Solicitations from local ports for stations behind peers, so that they are
 * not flooded to every peer, and learns from all of Neighbour Discovery who has which address.
 *
 * The advertisement is what the station itself would send, with its MAC address as the frame's
 * source. So it overrides: RFC 4861 §7.2.8 has proxies clear that flag because they name their own
 * address, which the true owner's must win over. The router flag is the one that the station set
 * last. Where it is not known, from solicitations alone, the question goes to the station: a
 * router that seems to be none is taken from its hosts' list of default routers (§7.2.5).
 */
import * as ethernet from '../wire/ethernet.ts';
import * as nd from '../wire/nd.ts';
import { isToBeAnswered, writeNdAnswer } from './neighbour-answer.ts';
import { count, NeighbourCounter } from './neighbour-counters.ts';
import { learnNd } from './neighbour-learning.ts';
import type { NeighbourTable } from './neighbour-table.ts';

/** Owned by one worker, as its table. */
export class NdProxy {
  readonly #table: NeighbourTable;

  constructor(table: NeighbourTable) {
    this.#table = table;
  }

  /** As ArpProxy.receive(). */
  receive(
    view: DataView,
    frameAt: number,
    frameLen: number,
    fromPort: number,
    replyAt: number,
    nowMs: number,
  ): number {
    const typeAt = ethernet.typeAt(view, frameAt, frameLen);
    if (typeAt < 0 || view.getUint16(typeAt) !== ethernet.EtherType.ipv6) return 0;
    const table = this.#table;
    const ipAt = typeAt + ethernet.TYPE_LEN;
    const type = nd.messageType(view, ipAt, frameAt + frameLen - ipAt);
    if (type === 0) return 0;
    const vlan = ethernet.vlanOf(view, frameAt, typeAt);
    if (!learnNd(table, view, ipAt, type, vlan, fromPort, nowMs)) return 0;
    if (type !== nd.NdType.solicitation) return 0;

    const entry = table.find(view, 6, ipAt + nd.TARGET_AT, vlan, nowMs);
    if (!isToBeAnswered(table, entry, view, frameAt, fromPort) || !table.saysRouter(entry)) return 0;
    count(table.counters, NeighbourCounter.suppressedNd);
    const flags = nd.NdFlag.override | (table.isRouter(entry) ? nd.NdFlag.router : 0);
    return writeNdAnswer(view, frameAt, typeAt, replyAt, flags, table.macHigh(entry), table.macLow(entry));
  }
}
