/**
 * Looks at one received packet: which flow it belongs to, and whether it may become part of a
 * super-packet.
 *
 * That may only be what the kernel would merge: TCP data with no flag but ACK and PSH, or UDP
 * data, right behind a header without options or extensions, not fragmented, with a checksum
 * that is there and right. A merged packet gets a new checksum, which would hide that one was
 * wrong.
 */
import { checksum, sumBytes, sumPseudo4, sumPseudo6 } from '../wire/checksum.ts';
import { ipVersion } from '../wire/ip.ts';
import * as ipv4 from '../wire/ipv4.ts';
import * as ipv6 from '../wire/ipv6.ts';
import * as tcp from '../wire/tcp.ts';
import * as udp from '../wire/udp.ts';
import { Fragment, IpProtocol } from '../wire/upper-layer.ts';

const IPV4_WITHOUT_OPTIONS = 0x45;
const MERGED_FLAGS = tcp.TcpFlag.ack | tcp.TcpFlag.psh;

/** One, made once, that describes the packet read last. */
export class MergeCandidate {
  isV4 = false;
  /** TCP or UDP when `hasFlow`. */
  protocol = 0;
  /** Whether addresses and ports tell the flow. If not, it may be any flow's. */
  hasFlow = false;
  /** Whether it may be merged with others; of what follows, only then all is valid. */
  isMergeable = false;
  /** Offset of the transport header in the packet. */
  upperAt = 0;
  /** Length of IP and transport header. */
  headerLen = 0;
  payloadLen = 0;
  /** Whether the sender of TCP data wants it delivered now. */
  isPushed = false;

  /** @param len Length of the packet, as its IP header says. */
  read(view: DataView, at: number, len: number): void {
    this.hasFlow = false;
    this.isMergeable = false;
    this.isPushed = false;
    if (!this.#readIp(view, at, len)) return;
    const restLen = len - this.upperAt;
    if (this.protocol === IpProtocol.tcp) this.#readTcp(view, at, restLen);
    else if (this.protocol === IpProtocol.udp) this.#readUdp(view, at, restLen);
  }

  /** @returns Whether the transport header follows the IP header at once, and whole. */
  #readIp(view: DataView, at: number, len: number): boolean {
    if (len < ipv4.MIN_HEADER_LEN) return false;
    this.isV4 = view.getUint8(at) === IPV4_WITHOUT_OPTIONS;
    if (this.isV4) {
      this.upperAt = ipv4.MIN_HEADER_LEN;
      this.protocol = ipv4.protocol(view, at);
      return ipv4.fragment(view, at) === Fragment.none && ipv4.totalLen(view, at) === len;
    }
    if (len < ipv6.HEADER_LEN || ipVersion(view, at) !== 6) return false;
    this.upperAt = ipv6.HEADER_LEN;
    this.protocol = ipv6.nextHeader(view, at);
    return ipv6.totalLen(view, at) === len;
  }

  #readTcp(view: DataView, at: number, restLen: number): void {
    const upperAt = at + this.upperAt;
    if (restLen < tcp.MIN_HEADER_LEN) return;
    this.hasFlow = true;
    const tcpLen = tcp.headerLen(view, upperAt);
    const flags = tcp.flags(view, upperAt);
    this.headerLen = this.upperAt + tcpLen;
    this.payloadLen = restLen - tcpLen;
    this.isPushed = (flags & tcp.TcpFlag.psh) !== 0;
    if (tcpLen < tcp.MIN_HEADER_LEN || this.payloadLen <= 0) return;
    if ((flags | tcp.TcpFlag.psh) !== MERGED_FLAGS || tcp.reservedBits(view, upperAt) !== 0) return;
    this.isMergeable = this.#isIntact(view, at, restLen);
  }

  #readUdp(view: DataView, at: number, restLen: number): void {
    const upperAt = at + this.upperAt;
    if (restLen < udp.HEADER_LEN) return;
    this.hasFlow = true;
    this.headerLen = this.upperAt + udp.HEADER_LEN;
    this.payloadLen = restLen - udp.HEADER_LEN;
    if (this.payloadLen === 0 || udp.length(view, upperAt) !== restLen) return;
    if (udp.checksumField(view, upperAt) === 0) return;
    this.isMergeable = this.#isIntact(view, at, restLen);
  }

  /** Whether the checksums are right, that of the IPv4 header too. */
  #isIntact(view: DataView, at: number, restLen: number): boolean {
    if (this.isV4 && checksum(sumBytes(view, at, ipv4.MIN_HEADER_LEN)) !== 0) return false;
    const pseudo = this.isV4
      ? sumPseudo4(view, at, this.protocol, restLen)
      : sumPseudo6(view, at, this.protocol, restLen);
    return checksum(pseudo + sumBytes(view, at + this.upperAt, restLen)) === 0;
  }
}
