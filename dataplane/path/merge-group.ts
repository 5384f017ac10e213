/**
 * Consecutive packets of one flow that are becoming one super-packet.
 *
 * The first packet's header stays as it came until the group is finished, and is what later
 * packets are compared with; their payloads follow the first one's. The rules are those of the
 * kernel's receive offload.
 *
 * @see net/ipv4/tcp_offload.c tcp_gro_receive(), net/ipv4/udp_offload.c, RFC 6864 §4.1
 */
import { checksum, fold, sumBytes, sumPseudo4, sumPseudo6 } from '../wire/checksum.ts';
import * as ipv4 from '../wire/ipv4.ts';
import * as ipv6 from '../wire/ipv6.ts';
import * as tcp from '../wire/tcp.ts';
import * as udp from '../wire/udp.ts';
import { IpProtocol } from '../wire/upper-layer.ts';
import * as virtio from '../wire/virtio-net.ts';
import type { MergeCandidate } from './merge-candidate.ts';

/** Longest super-packet: what an IPv4 header can say. */
export const MAX_GROUP_LEN = 65_535;
/** The kernel's UDP_MAX_SEGMENTS before Linux 6.9. */
export const MAX_DATAGRAMS = 64;

/** One, at a place of its own. Owned by the coalescer. */
export class MergeGroup {
  /** Offset of the first packet; the virtio_net_hdr goes in front of it. */
  readonly at: number;
  /** Offset behind the last payload. */
  end = 0;
  /** Length of the header that all share; valid while open. */
  headerLen = 0;
  /** Payload bytes of every packet but the last. */
  segmentLen = 0;
  /** Packets in it. */
  count = 0;
  /** Whose they are, as given with them. */
  context = 0;
  /** Whether more may come. */
  isOpen = false;
  #isV4 = false;
  #protocol = 0;
  #upperAt = 0;
  /** Sequence number of the byte behind, as a signed number, which V8 needs no object for. */
  #nextSequence = 0;
  #isPushed = false;

  constructor(at: number) {
    this.at = at;
  }

  /** Inner bytes of all packets together, each with its header. */
  get bytes(): number {
    return this.end - this.at + (this.count - 1) * this.headerLen;
  }

  /**
   * Whether the next packet, if it has `len` bytes and the same header length, could join where
   * its header lies on the last payload: by its size, and without reaching the first header.
   */
  fits(len: number): boolean {
    const payloadLen = len - this.headerLen;
    const isClear = this.end - this.headerLen >= this.at + this.headerLen;
    return isClear && payloadLen > 0 && this.#hasRoom(payloadLen);
  }

  /** Becomes the group of the packet that lies at `at`. */
  start(view: DataView, packet: MergeCandidate, len: number, context: number): void {
    this.end = this.at + len;
    this.count = 1;
    this.context = context;
    this.isOpen = packet.isMergeable && !packet.isPushed;
    if (!this.isOpen) return;
    this.headerLen = packet.headerLen;
    this.segmentLen = packet.payloadLen;
    this.#isV4 = packet.isV4;
    this.#protocol = packet.protocol;
    this.#upperAt = packet.upperAt;
    this.#isPushed = false;
    if (packet.protocol === IpProtocol.tcp) {
      this.#nextSequence = (tcp.sequence(view, this.at + packet.upperAt) + packet.payloadLen) | 0;
    }
  }

  /** Whether the packet at `at` belongs to the same flow: its place is behind this group. */
  isFlowOf(view: DataView, at: number, packet: MergeCandidate, context: number): boolean {
    if (packet.protocol !== this.#protocol || packet.isV4 !== this.#isV4) return false;
    const portsAt = this.#upperAt;
    if (view.getInt32(at + portsAt) !== view.getInt32(this.at + portsAt)) return false;
    const start = this.#isV4 ? ipv4.SOURCE_AT : ipv6.SOURCE_AT;
    return context === this.context && isEqual(view, at, this.at, start, portsAt);
  }

  /** Whether the packet, of the same flow, may follow the last one. */
  takes(view: DataView, at: number, packet: MergeCandidate): boolean {
    if (!packet.isMergeable || packet.headerLen !== this.headerLen) return false;
    if (!this.#hasRoom(packet.payloadLen)) return false;
    if (!(this.#isV4 ? this.#continuesIpv4(view, at) : this.#continuesIpv6(view, at))) return false;
    return this.#protocol === IpProtocol.udp || this.#continuesTcp(view, at + this.#upperAt);
  }

  /** Counts the packet in whose payload has been put at `end`. */
  absorb(packet: MergeCandidate): void {
    const { payloadLen, isPushed } = packet;
    this.end += payloadLen;
    this.count++;
    this.#nextSequence = (this.#nextSequence + payloadLen) | 0;
    this.#isPushed = isPushed;
    if (isPushed || payloadLen < this.segmentLen) this.isOpen = false;
    if (this.#protocol === IpProtocol.udp && this.count >= MAX_DATAGRAMS) this.isOpen = false;
  }

  /** Makes it a packet that the kernel takes, virtio_net_hdr included. A single one stays as it came. */
  finish(view: DataView): void {
    this.isOpen = false;
    const headerAt = this.at - virtio.HEADER_LEN;
    if (this.count === 1) {
      virtio.writePlain(view, headerAt);
      return;
    }
    const isTcp = this.#protocol === IpProtocol.tcp;
    const type = isTcp ? (this.#isV4 ? virtio.GsoType.tcp4 : virtio.GsoType.tcp6) : virtio.GsoType.udp;
    const csumOffset = isTcp ? tcp.CHECKSUM_AT : udp.CHECKSUM_AT;
    virtio.writeSuper(view, headerAt, type, this.headerLen, this.segmentLen, this.#upperAt, csumOffset);
    const len = this.end - this.at;
    const upperLen = len - this.#upperAt;
    this.#setLength(view, len);
    const pseudo = fold(
      this.#isV4
        ? sumPseudo4(view, this.at, this.#protocol, upperLen)
        : sumPseudo6(view, this.at, this.#protocol, upperLen),
    );
    const upperAt = this.at + this.#upperAt;
    if (isTcp) {
      if (this.#isPushed) tcp.setFlags(view, upperAt, tcp.flags(view, upperAt) | tcp.TcpFlag.psh);
      tcp.setChecksum(view, upperAt, pseudo);
    } else {
      udp.setLength(view, upperAt, upperLen);
      udp.setChecksum(view, upperAt, pseudo);
    }
  }

  #hasRoom(payloadLen: number): boolean {
    return payloadLen <= this.segmentLen && this.end - this.at + payloadLen <= MAX_GROUP_LEN;
  }

  #setLength(view: DataView, len: number): void {
    if (this.#isV4) {
      ipv4.setTotalLen(view, this.at, len);
      ipv4.setChecksum(view, this.at, 0);
      ipv4.setChecksum(view, this.at, checksum(sumBytes(view, this.at, ipv4.MIN_HEADER_LEN)));
    } else {
      ipv6.setPayloadLen(view, this.at, len - ipv6.HEADER_LEN);
    }
  }

  /** Type of service (with ECN), TTL and DF alike; without DF the id counts on. */
  #continuesIpv4(view: DataView, at: number): boolean {
    const first = this.at;
    if (ipv4.tos(view, at) !== ipv4.tos(view, first) || ipv4.ttl(view, at) !== ipv4.ttl(view, first)) {
      return false;
    }
    const isAtomic = ipv4.isDontFragment(view, at);
    if (isAtomic !== ipv4.isDontFragment(view, first)) return false;
    return isAtomic || ipv4.id(view, at) === ((ipv4.id(view, first) + this.count) & 0xffff);
  }

  #continuesIpv6(view: DataView, at: number): boolean {
    return (
      ipv6.versionClassFlow(view, at) === ipv6.versionClassFlow(view, this.at) &&
      ipv6.hopLimit(view, at) === ipv6.hopLimit(view, this.at)
    );
  }

  /** The next sequence number, and nothing else new but PSH. @param upperAt Of the packet's header. */
  #continuesTcp(view: DataView, upperAt: number): boolean {
    const first = this.at + this.#upperAt;
    return (
      (tcp.sequence(view, upperAt) | 0) === this.#nextSequence &&
      tcp.acknowledgment(view, upperAt) === tcp.acknowledgment(view, first) &&
      tcp.window(view, upperAt) === tcp.window(view, first) &&
      tcp.urgentPointer(view, upperAt) === tcp.urgentPointer(view, first) &&
      isEqual(view, upperAt, first, tcp.MIN_HEADER_LEN, this.headerLen - this.#upperAt)
    );
  }
}

/** Whether bytes `start` to `end` of two headers are the same; both are multiples of 4. */
function isEqual(view: DataView, aAt: number, bAt: number, start: number, end: number): boolean {
  for (let i = start; i < end; i += 4) {
    if (view.getInt32(aAt + i) !== view.getInt32(bAt + i)) return false;
  }
  return true;
}
