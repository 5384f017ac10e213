/**
 * The way out: from a packet of the overlay to a sealed frame for the underlay.
 *
 *     select                     (for an Ethernet frame a switch did 1 and 2)
 *      1  a whole IPv4 or IPv6 packet     wire/ip.ts            RFC 791, RFC 8200
 *      2  the peer that owns its route    route/route-table.ts
 *      3  not our own control connection  (below)
 *      4  a live send SA, its budget      sa/tx-sa.ts           RFC 4301 §4.4.2.1
 *      5  no larger than the path takes   (below)               RFC 1191, RFC 8201
 *      6  an endpoint to send to          peer.ts
 *     seal
 *      7  header, counter, AES-GCM        seal-frame.ts         RFC 8926 §3.4, SP 800-38D
 *
 * `select` and `seal` are separate, because the segments of one super-packet are selected once
 * and sealed each. Fail closed: every stage that can't say yes drops.
 */
import type { PacketMemory } from '../sa/aead.ts';
import { SealResult } from '../sa/tx-sa.ts';
import { ProtocolType } from '../wire/geneve.ts';
import { checkPacket, destinationAt, findUpperLayer, ipVersion, sourceAt, totalLen } from '../wire/ip.ts';
import { destinationPort, sourcePort, HEADER_LEN as UDP_HEADER_LEN } from '../wire/udp.ts';
import { createUpperLayer, Fragment, IpProtocol } from '../wire/upper-layer.ts';
import { DropCode } from './drop.ts';
import type { Network } from './network.ts';
import type { Peer } from './peer.ts';
import { dropOf, sealFrame } from './seal-frame.ts';

export class Encap {
  /** Peer of the last selected packet, also when a later stage dropped it; null before stage 2. */
  peer: Peer | null = null;
  #protocolType: number = ProtocolType.keepalive;
  readonly #memory: PacketMemory;
  readonly #controlPort: number;
  readonly #upper = createUpperLayer();

  /** @param controlPort UDP port of our control plane, for stage 3. */
  constructor(memory: PacketMemory, controlPort: number) {
    this.#memory = memory;
    this.#controlPort = controlPort;
  }

  /**
   * Stages 1 to 6; changes nothing but what `seal` is to know.
   *
   * @param network Of the port that the packet came from; undefined has no routes.
   * @returns 0, or the negated drop code.
   */
  select(network: Network | undefined, packetAt: number, packetLen: number, nowMs: number): number {
    this.peer = null;
    const { view } = this.#memory;
    if (!checkPacket(view, packetAt, packetLen)) return -DropCode.txMalformed;
    const isV4 = ipVersion(view, packetAt) === 4;
    const dstAt = destinationAt(view, packetAt);
    const srcAt = sourceAt(view, packetAt);
    const peer = network === undefined ? null : network.routes.lookup(view, isV4 ? 4 : 6, dstAt, srcAt);
    if (peer === null) return -DropCode.txNoRoute;
    this.peer = peer;
    this.#protocolType = isV4 ? ProtocolType.ipv4 : ProtocolType.ipv6;
    if (this.#isControlLoop(peer, packetAt)) return -DropCode.txControlLoop;
    return this.#selectSa(peer, packetLen, nowMs);
  }

  /**
   * Stages 3 to 6 for an Ethernet frame to a peer.
   *
   * @param packetAt Of the IP packet in it, for stage 3, in a frame of this host's own; 0 spares that:
   *                 another station may run an agent, whose control connection this network is to carry.
   * @returns As `select`.
   */
  selectFrame(peer: Peer, frameAt: number, frameLen: number, packetAt: number, nowMs: number): number {
    this.peer = peer;
    this.#protocolType = ProtocolType.ethernet;
    if (packetAt > 0) {
      const isWhole = checkPacket(this.#memory.view, packetAt, frameAt + frameLen - packetAt);
      if (isWhole && this.#isControlLoop(peer, packetAt)) return -DropCode.txControlLoop;
    }
    return this.#selectSa(peer, frameLen, nowMs);
  }

  #selectSa(peer: Peer, packetLen: number, nowMs: number): number {
    const sa = peer.tx;
    if (sa === null) return -peer.txMissing;
    const ready = sa.ready(packetLen, nowMs);
    if (ready !== SealResult.ok) return -dropOf(ready);
    if (packetLen > peer.mtuBytes) return -DropCode.txTooLarge;
    return peer.hasEndpoint ? 0 : -DropCode.txNoEndpoint;
  }

  /**
   * Stage 7, for a packet of the flow that was selected last; offsets are as in `sealFrame`.
   *
   * @returns Frame length, or the negated drop code.
   */
  seal(packetAt: number, packetLen: number, frameAt: number, nowMs: number): number {
    const { peer } = this;
    if (peer === null) return -DropCode.txNoRoute;
    return sealFrame(this.#memory.view, peer, this.#protocolType, packetAt, packetLen, frameAt, nowMs);
  }

  /** Carried by the overlay that it keys, the control connection would end with its first lapse. */
  #isControlLoop(peer: Peer, packetAt: number): boolean {
    if (peer.controlPort === 0 || this.#controlPort === 0) return false;
    const { view } = this.#memory;
    const upper = this.#upper;
    if (!findUpperLayer(view, packetAt, upper) || upper.protocol !== IpProtocol.udp) return false;
    if (upper.fragment === Fragment.later) return false;
    if (upper.at + UDP_HEADER_LEN > packetAt + totalLen(view, packetAt)) return false;
    return (
      sourcePort(view, upper.at) === this.#controlPort && destinationPort(view, upper.at) === peer.controlPort
    );
  }
}
