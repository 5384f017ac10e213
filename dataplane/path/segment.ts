/**
 * Cuts a super-packet of the kernel's into the packets it stands for.
 *
 *     begin
 *      1  whole IP packet, no fragment                wire/ip.ts       RFC 791, RFC 8200
 *      2  TCP or UDP header, whole, and a size to cut by
 *      3  what all segments share: header, sums
 *     next, once for each segment
 *      4  header in front of the segment's payload
 *      5  lengths, IPv4 id, TCP sequence and flags    RFC 6864, RFC 9293 §3.1, RFC 3168 §6.1.2
 *      6  checksums                                   RFC 1071, RFC 768
 *
 * Each packet is made in place: its header is written over the end of the payload before it,
 * which must have been used by then. Nothing is copied but headers.
 *
 * @see Documentation/networking/segmentation-offloads.rst
 */
import type { PacketMemory } from '../sa/aead.ts';
import { checksum, fold, sumBytes, sumPseudo4, sumPseudo6 } from '../wire/checksum.ts';
import { checkPacket, findUpperLayer, ipVersion, totalLen } from '../wire/ip.ts';
import * as ipv4 from '../wire/ipv4.ts';
import * as ipv6 from '../wire/ipv6.ts';
import * as tcp from '../wire/tcp.ts';
import * as udp from '../wire/udp.ts';
import { createUpperLayer, Fragment, IpProtocol } from '../wire/upper-layer.ts';
import * as virtio from '../wire/virtio-net.ts';

/** Longest header that is repeated: IP with options or extensions, and transport. */
export const MAX_HEADER_LEN = 512;

/** One implementation of the above, bound to one memory. */
export interface Segmenter {
  /** For log and status. */
  readonly name: string;
  /** Offset of the packet that the last `next` gave. */
  readonly at: number;
  /**
   * Takes the `len` bytes at `packetAt`, with their virtio_net_hdr in the 10 bytes before.
   * The bytes belong to the segmenter until the last `next`.
   *
   * @returns How many packets they stand for, or 0 when they are malformed. A packet that is
   *   not to be cut counts 1, whatever it holds: it is given as it is.
   */
  begin(packetAt: number, len: number): number;
  /**
   * Makes the next packet, a complete one at `at`; what the call before gave is undefined then.
   *
   * @returns Its length, at least 1; 0 when there are no more. None is longer than the first.
   */
  next(): number;
}

const Kind = { plain: 0, tcp: 1, udp: 2 } as const;
type Kind = (typeof Kind)[keyof typeof Kind];

/** The segmenter in TypeScript. Owned by one worker, as everything in its memory. */
export class PlainSegmenter implements Segmenter {
  readonly name = 'TypeScript';
  at = 0;
  readonly #view: DataView;
  readonly #template = new DataView(new ArrayBuffer(MAX_HEADER_LEN));
  readonly #upper = createUpperLayer();
  #kind: Kind = Kind.plain;
  #isV4 = false;
  #packetAt = 0;
  #end = 0;
  /** Of the transport header, from the start of the packet. */
  #upperAt = 0;
  #headerLen = 0;
  #segmentLen = 0;
  #count = 0;
  #index = 0;
  /** Sums of the header fields that no segment changes, and of the pseudo header but its length. */
  #ipSum = 0;
  #upperSum = 0;
  #id = 0;
  /** As a signed number, which V8 needs no object for. */
  #sequence = 0;
  #flags = 0;

  constructor(memory: PacketMemory) {
    this.#view = memory.view;
  }

  begin(packetAt: number, len: number): number {
    const headerAt = packetAt - virtio.HEADER_LEN;
    this.#index = 0;
    this.#count = 0;
    if (len === 0 || headerAt < 0 || packetAt + len > this.#view.byteLength) return 0;
    this.#packetAt = packetAt;
    this.#end = packetAt + len;
    const type = virtio.gsoType(this.#view, headerAt);
    if (type === virtio.GsoType.none) return this.#beginPlain(headerAt, len);
    if (!this.#findHeaders(type, len) || !this.#findCut(headerAt)) return 0;
    this.#prepare(virtio.needsChecksum(this.#view, headerAt));
    const payloadLen = this.#end - packetAt - this.#headerLen;
    this.#count = Math.max(1, Math.ceil(payloadLen / this.#segmentLen));
    return this.#count;
  }

  next(): number {
    const index = this.#index;
    if (index >= this.#count) return 0;
    this.#index = index + 1;
    const payloadAt = this.#packetAt + this.#headerLen + index * this.#segmentLen;
    this.at = payloadAt - this.#headerLen;
    if (this.#kind === Kind.plain) return this.#end - this.#packetAt;
    const payloadLen = Math.min(this.#segmentLen, this.#end - payloadAt);
    const len = this.#headerLen + payloadLen;
    if (index > 0) this.#copyTemplate(this.at);
    if (this.#isV4) this.#finishIpv4(len, index);
    else ipv6.setPayloadLen(this.#view, this.at, len - ipv6.HEADER_LEN);
    if (this.#kind === Kind.tcp) this.#finishTcp(len, payloadLen, index);
    else this.#finishUdp(len, payloadLen);
    return len;
  }

  /** A packet that may lack its checksum. @returns As `begin`. */
  #beginPlain(headerAt: number, len: number): number {
    const view = this.#view;
    this.#kind = Kind.plain;
    this.#headerLen = 0;
    this.#segmentLen = 0;
    if (virtio.needsChecksum(view, headerAt)) {
      const start = virtio.checksumStart(view, headerAt);
      const fieldAt = start + virtio.checksumOffset(view, headerAt);
      if (start < ipv4.MIN_HEADER_LEN || fieldAt + 2 > len) return 0;
      // The field holds the pseudo header's sum. 0xffff stands for 0 in UDP and equals it elsewhere.
      const value = checksum(sumBytes(view, this.#packetAt + start, len - start));
      view.setUint16(this.#packetAt + fieldAt, value === 0 ? 0xffff : value);
    }
    this.#count = 1;
    return 1;
  }

  /** Stages 1 and 2 but the size. @returns Whether the headers are whole and of `type`. */
  #findHeaders(type: number, len: number): boolean {
    const view = this.#view;
    const at = this.#packetAt;
    const upper = this.#upper;
    if (!checkPacket(view, at, len) || !findUpperLayer(view, at, upper)) return false;
    if (upper.fragment !== Fragment.none) return false;
    this.#isV4 = ipVersion(view, at) === 4;
    this.#end = at + totalLen(view, at);
    this.#upperAt = upper.at - at;
    const restLen = this.#end - upper.at;
    if (type === virtio.GsoType.udp) {
      this.#kind = Kind.udp;
      this.#headerLen = this.#upperAt + udp.HEADER_LEN;
      return upper.protocol === IpProtocol.udp && restLen >= udp.HEADER_LEN;
    }
    if (type !== (this.#isV4 ? virtio.GsoType.tcp4 : virtio.GsoType.tcp6)) return false;
    if (upper.protocol !== IpProtocol.tcp || restLen < tcp.MIN_HEADER_LEN) return false;
    const tcpLen = tcp.headerLen(view, upper.at);
    this.#kind = Kind.tcp;
    this.#headerLen = this.#upperAt + tcpLen;
    return tcpLen >= tcp.MIN_HEADER_LEN && tcpLen <= restLen;
  }

  /** @returns Whether the virtio header agrees with the packet. */
  #findCut(headerAt: number): boolean {
    const view = this.#view;
    this.#segmentLen = virtio.gsoSize(view, headerAt);
    if (this.#segmentLen === 0 || this.#headerLen > MAX_HEADER_LEN) return false;
    return !virtio.needsChecksum(view, headerAt) || virtio.checksumStart(view, headerAt) === this.#upperAt;
  }

  /** Stage 3: keeps the header, and sums it with the fields as zero that each segment sets. */
  #prepare(isSummed: boolean): void {
    const view = this.#view;
    const template = this.#template;
    const at = this.#packetAt;
    const upperAt = this.#upperAt;
    for (let i = 0; i < this.#headerLen; i += 4) template.setUint32(i, view.getUint32(at + i));
    if (this.#isV4) {
      this.#id = ipv4.id(view, at);
      ipv4.setTotalLen(template, 0, 0);
      ipv4.setId(template, 0, 0);
      ipv4.setChecksum(template, 0, 0);
      this.#ipSum = fold(sumBytes(template, 0, upperAt));
    }
    if (this.#kind === Kind.tcp) {
      this.#sequence = tcp.sequence(view, at + upperAt) | 0;
      this.#flags = tcp.flags(view, at + upperAt);
      tcp.setSequence(template, upperAt, 0);
      tcp.setFlags(template, upperAt, 0);
      tcp.setChecksum(template, upperAt, 0);
    } else {
      udp.setLength(template, upperAt, 0);
      udp.clearChecksum(template, upperAt);
    }
    this.#upperSum = fold(this.#sumPseudo(isSummed) + sumBytes(template, upperAt, this.#headerLen - upperAt));
  }

  /**
   * Sum of the pseudo header without its length. Where the sender made it, its own is used: the
   * destination behind a routing header is not that of the IP header (RFC 8200 §8.1).
   */
  #sumPseudo(isSummed: boolean): number {
    const view = this.#view;
    const at = this.#packetAt;
    const upperAt = at + this.#upperAt;
    const isTcp = this.#kind === Kind.tcp;
    if (isSummed) {
      const sum = isTcp ? tcp.checksumField(view, upperAt) : udp.checksumField(view, upperAt);
      return sum + (~(this.#end - upperAt) & 0xffff);
    }
    const protocol = isTcp ? IpProtocol.tcp : IpProtocol.udp;
    return this.#isV4 ? sumPseudo4(view, at, protocol, 0) : sumPseudo6(view, at, protocol, 0);
  }

  #copyTemplate(at: number): void {
    const view = this.#view;
    const template = this.#template;
    for (let i = 0; i < this.#headerLen; i += 4) view.setUint32(at + i, template.getUint32(i));
  }

  #finishIpv4(len: number, index: number): void {
    const view = this.#view;
    const id = (this.#id + index) & 0xffff;
    ipv4.setTotalLen(view, this.at, len);
    ipv4.setId(view, this.at, id);
    ipv4.setChecksum(view, this.at, checksum(this.#ipSum + len + id));
  }

  #finishTcp(len: number, payloadLen: number, index: number): void {
    const view = this.#view;
    const at = this.at + this.#upperAt;
    const sequence = (this.#sequence + index * this.#segmentLen) | 0;
    let flags = this.#flags;
    if (index > 0) flags &= ~tcp.TcpFlag.cwr;
    if (index < this.#count - 1) flags &= ~(tcp.TcpFlag.fin | tcp.TcpFlag.psh);
    tcp.setSequence(view, at, sequence);
    tcp.setFlags(view, at, flags);
    const changed = (sequence >>> 16) + (sequence & 0xffff) + flags + (len - this.#upperAt);
    const payload = sumBytes(view, this.at + this.#headerLen, payloadLen);
    tcp.setChecksum(view, at, checksum(this.#upperSum + changed + payload));
  }

  #finishUdp(len: number, payloadLen: number): void {
    const view = this.#view;
    const at = this.at + this.#upperAt;
    const udpLen = len - this.#upperAt;
    udp.setLength(view, at, udpLen);
    // The length counts twice: in the header and in the pseudo header.
    const payload = sumBytes(view, this.at + this.#headerLen, payloadLen);
    udp.setChecksum(view, at, checksum(this.#upperSum + 2 * udpLen + payload));
  }
}
