/**
 * The way in: from a datagram of the underlay to a packet of the overlay.
 *
 *     locate
 *      1  long enough, Geneve version 0, no control packet   wire/geneve.ts        RFC 8926 §3.4
 *      2  a network with this VNI                            network.ts
 *      3  an outer source that can be a peer's               network.ts
 *      4  SPI and nonce among the options                    wire/geneve.ts        RFC 8926 §3.5
 *      5  the SPI's SA, of this network, its peer's source   sa/sad.ts, peer.ts    RFC 4301 §4.4.2
 *      6  not expired                                        sa/rx-sa.ts
 *      7  one SPI in option and nonce                        (below)
 *     authenticate
 *      8  within the peer's rate limit                       sa/rate-limit.ts
 *      9  the tag verifies                                   sa/rx-sa.ts           SP 800-38D §7.2
 *     10  the counter is new                                 sa/replay-window.ts   RFC 6479
 *     11  learn the peer's endpoint                          peer.ts
 *     deliver
 *     12  a keepalive ends here; an Ethernet frame is the switch's
 *     13  a whole packet of the IP version announced         wire/ipv4.ts, ipv6.ts RFC 791, RFC 8200
 *     14  inner source and destination are the peer's        route/route-table.ts
 *
 * Before stage 10 nothing changes but the drop counter and the rate limit's tokens: a forger
 * moves no window, no endpoint and no time of last reception.
 *
 * Frames come in runs that differ in nothing but counter and content. Stages 1 to 7 depend on
 * nothing else (expiry is asked each time), so their result for one frame holds for the next that
 * looks the same, until a setting changes.
 */

import { RouteCheck } from '../route/route-table.ts';
import type { PacketMemory } from '../sa/aead.ts';
import { HEADER_LEN as ETHERNET_HEADER_LEN } from '../wire/ethernet.ts';
import * as geneve from '../wire/geneve.ts';
import { type GeneveOptions, OptionFault, ProtocolType } from '../wire/geneve.ts';
import { destinationAt, sourceAt as innerSourceAt, ipVersion, totalLen } from '../wire/ip.ts';
import * as ipv4 from '../wire/ipv4.ts';
import * as ipv6 from '../wire/ipv6.ts';
import type { CounterBlock } from './counters.ts';
import { DropCode } from './drop.ts';
import { FrameRun } from './frame-run.ts';
import type { Peer, PeerRxSa } from './peer.ts';
import type { PeerTable } from './peer-table.ts';
import type { SaTable } from './sa-table.ts';

/** What the engine lends to its way in. */
export interface DecapOptions {
  readonly memory: PacketMemory;
  readonly counters: CounterBlock;
  readonly peers: PeerTable;
  readonly sas: SaTable;
  /** Called when an authenticated frame came from a new outer address. */
  readonly onEndpoint: (peer: Peer) => void;
}

export class Decap {
  /** Peer whose SA the last frame named, also when it was dropped; null when it named none. */
  peer: Peer | null = null;
  readonly #options: DecapOptions;
  readonly #memory: PacketMemory;
  readonly #found: GeneveOptions = { spi: 0, nonceAt: 0 };
  readonly #last: FrameRun;
  #sa: PeerRxSa | null = null;

  constructor(options: DecapOptions) {
    this.#options = options;
    this.#memory = options.memory;
    this.#last = new FrameRun(options.memory.view);
  }

  /**
   * Opens the frame at `frameAt` to `packetAt`, where `frameLen` − SEALED_OVERHEAD bytes are free.
   * Both may overlap; what is at `packetAt` is undefined unless the result is positive.
   *
   * @param sourceAt Endpoint record of the outer source.
   * @returns Inner length, 0 for a keepalive, or the negated drop code.
   */
  open(frameAt: number, frameLen: number, sourceAt: number, packetAt: number, nowMs: number): number {
    if (!this.#continues(frameAt, frameLen, sourceAt, nowMs)) {
      const fault = this.#locate(frameAt, frameLen, sourceAt, nowMs);
      if (fault !== 0) return -fault;
    }
    const sa = this.#sa;
    if (sa === null) return -DropCode.rxUnknownSpi;
    const { view } = this.#memory;
    const headerLen = geneve.headerLen(view, frameAt);
    const bodyLen = frameLen - headerLen - geneve.TAG_LEN;
    const type = geneve.protocolType(view, frameAt);
    const { nonceAt } = this.#found;
    if (!sa.peer.rateLimit.allow(nowMs)) return -DropCode.rxRateLimited;
    if (!sa.open(nonceAt, frameAt, headerLen, frameAt + headerLen, bodyLen, packetAt)) {
      return -DropCode.rxAuthFailed;
    }
    const counter = geneve.readCounter(view, nonceAt);
    if (!sa.accept(counter)) return -DropCode.rxReplay;
    this.#authenticated(sa, counter, sourceAt, nowMs);
    return this.#deliver(sa.peer, type, packetAt, bodyLen);
  }

  /** Stages 1 to 7 for a frame that looks like the last one. @returns Whether it does; the SA is set then. */
  #continues(frameAt: number, frameLen: number, sourceAt: number, nowMs: number): boolean {
    const sa = this.#sa;
    if (sa === null || frameLen < geneve.SEALED_HEADER_LEN + geneve.TAG_LEN) return false;
    if (!this.#last.isLike(frameAt, sourceAt, this.#options.peers.version) || sa.isExpired(nowMs))
      return false;
    this.peer = sa.peer;
    this.#found.nonceAt = frameAt + geneve.SEALED_NONCE_AT;
    return true;
  }

  /** Stages 1 to 7. @returns 0 with the SA set, or a drop code with it null. */
  #locate(frameAt: number, frameLen: number, sourceAt: number, nowMs: number): number {
    this.peer = null;
    this.#sa = null;
    const { view } = this.#memory;
    if (frameLen < geneve.BASE_LEN || geneve.version(view, frameAt) !== 0) return DropCode.rxMalformed;
    const headerLen = geneve.headerLen(view, frameAt);
    if (frameLen < headerLen + geneve.TAG_LEN || geneve.isControl(view, frameAt)) return DropCode.rxMalformed;
    const network = this.#options.peers.network(geneve.vni(view, frameAt));
    if (network === undefined) return DropCode.rxUnknownVni;
    if (!network.maySendFrom(view, sourceAt)) return DropCode.rxBadPeer;
    const fault = geneve.findOptions(view, frameAt, headerLen, this.#found);
    if (fault !== OptionFault.none) return dropOf(fault);
    const sa = this.#options.sas.get(this.#found.spi);
    if (sa === undefined || sa.peer.network !== network) return DropCode.rxUnknownSpi;
    this.peer = sa.peer;
    if (!sa.peer.maySendFrom(view, sourceAt)) return DropCode.rxBadPeer;
    if (sa.isExpired(nowMs)) return DropCode.rxExpiredSa;
    if (geneve.nonceSpi(view, this.#found.nonceAt) !== sa.spi) return DropCode.rxSpiMismatch;
    this.#sa = sa;
    this.#last.begin(frameAt, sourceAt, headerLen, this.#found.nonceAt, this.#options.peers.version);
    return 0;
  }

  /**
   * Stage 11 and the time of last reception. Only lane 0 teaches: it sends from the port on
   * which its host receives, while other lanes send from ports of their own. And only the newest
   * frame does: one that was overtaken, or held back by somebody, is from where the peer was.
   */
  #authenticated(sa: PeerRxSa, counter: number, sourceAt: number, nowMs: number): void {
    const { peer } = sa;
    this.#options.counters.rxAuthenticated(peer.slot, nowMs);
    if (sa.lane !== 0 || counter !== sa.window.highest || peer.validateSource) return;
    if (peer.learnEndpoint(this.#memory.view, sourceAt)) this.#options.onEndpoint(peer);
  }

  /** Stages 12 to 14. @returns As `open`. */
  #deliver(peer: Peer, type: number, at: number, len: number): number {
    if (type === ProtocolType.keepalive) return 0;
    if (peer.network.isEthernet) {
      return type === ProtocolType.ethernet && len >= ETHERNET_HEADER_LEN ? len : -DropCode.rxInnerMalformed;
    }
    const { view } = this.#memory;
    if (!isAnnounced(view, type, at, len)) return -DropCode.rxInnerMalformed;
    const family = ipVersion(view, at) === 4 ? 4 : 6;
    const srcAt = innerSourceAt(view, at);
    const check = peer.network.routes.check(view, family, srcAt, destinationAt(view, at), peer);
    if (check === RouteCheck.sourceNotAllowed) return -DropCode.rxInnerSource;
    if (check === RouteCheck.destinationNotAllowed) return -DropCode.rxInnerDestination;
    // Bytes behind the packet's own length are padding of its sender: they end here.
    return totalLen(view, at);
  }
}

/** Whether `len` bytes hold a whole packet of the IP version that the protocol type announces. */
function isAnnounced(view: DataView, type: number, at: number, len: number): boolean {
  if (type === ProtocolType.ipv4) return ipv4.checkPacket(view, at, len);
  return type === ProtocolType.ipv6 && ipv6.checkPacket(view, at, len);
}

function dropOf(fault: OptionFault): DropCode {
  switch (fault) {
    case OptionFault.malformed:
      return DropCode.rxMalformed;
    case OptionFault.unknownCritical:
      return DropCode.rxUnknownOption;
    default:
      return DropCode.rxMissingOption;
  }
}
