/** Neighbours of a layer 2 network: learns who has which address, and answers for peers' stations. */
import * as ethernet from '../wire/ethernet.ts';
import * as ipv6 from '../wire/ipv6.ts';
import { IpProtocol } from '../wire/upper-layer.ts';
import { ArpProxy } from './arp-proxy.ts';
import { NdProxy } from './nd-proxy.ts';
import { NeighbourTable, type NeighbourTableOptions } from './neighbour-table.ts';

export interface NeighboursOptions extends NeighbourTableOptions {
  /** Whether questions are answered here; else all of them are flooded. */
  readonly answers: boolean;
}

/** Owned by one worker. */
export class Neighbours {
  readonly table: NeighbourTable;
  readonly #arp: ArpProxy;
  readonly #nd: NdProxy;
  readonly #answers: boolean;

  constructor(options: NeighboursOptions) {
    this.table = new NeighbourTable(options);
    this.#arp = new ArpProxy(this.table);
    this.#nd = new NdProxy(this.table);
    this.#answers = options.answers;
  }

  /**
   * Takes a frame that `isConcerned`, from a local port or a peer.
   *
   * @param replyAt As ArpProxy.receive().
   * @returns Length of an answer, to be sent back while the frame is dropped; 0 when it goes its way.
   */
  receive(view: DataView, at: number, len: number, port: number, replyAt: number, nowMs: number): number {
    const arpLen = this.#arp.receive(view, at, len, port, replyAt, nowMs);
    const answerLen = arpLen > 0 ? arpLen : this.#nd.receive(view, at, len, port, replyAt, nowMs);
    return this.#answers ? answerLen : 0;
  }
}

/**
 * Whether a frame may be ARP or Neighbour Discovery: the quick look that spares all others the rest.
 *
 * @param len Bytes of the frame; the caller guarantees an Ethernet header.
 */
export function isConcerned(view: DataView, at: number, len: number): boolean {
  const type = ethernet.etherType(view, at);
  if (type === ethernet.EtherType.ipv4) return false;
  if (type !== ethernet.EtherType.ipv6) return true;
  // Neighbour Discovery has no extension headers. @see RFC 6980 §5
  if (len < ethernet.HEADER_LEN + ipv6.HEADER_LEN) return false;
  return ipv6.nextHeader(view, at + ethernet.HEADER_LEN) === IpProtocol.icmpv6;
}
