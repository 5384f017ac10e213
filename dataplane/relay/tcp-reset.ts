/** Resets TCP connections to where nothing carries them. @see RFC 9293 §3.5.2, group 1 */
import { checksum, sumBytes, sumPseudo4, sumPseudo6 } from '../wire/checksum.ts';
import { ipVersion, totalLen } from '../wire/ip.ts';
import * as ipv4 from '../wire/ipv4.ts';
import * as ipv6 from '../wire/ipv6.ts';
import * as tcp from '../wire/tcp.ts';
import { IpProtocol } from '../wire/upper-layer.ts';

const HOP_LIMIT = 64;
/** Most bytes of a reset. */
export const TCP_RESET_LEN = ipv6.HEADER_LEN + tcp.MIN_HEADER_LEN;

/** Byte offsets from the start of the TCP header. */
const At = { sourcePort: 0, destinationPort: 2, sequence: 4, acknowledgment: 8, offsetFlags: 12, window: 14 };
const NO_OPTIONS = 0x5000;

/**
 * Writes the reset that answers a segment as a closed port does.
 *
 * @param packetAt A packet that checkPacket() passed, no fragment.
 * @param tcpAt    Its TCP header.
 * @param outAt    Where TCP_RESET_LEN bytes are free; they must not overlap the packet.
 * @returns        Length of the reset, a whole IP packet; 0 for what is none of TCP, and for resets.
 */
export function writeTcpReset(view: DataView, packetAt: number, tcpAt: number, outAt: number): number {
  const segmentLen = packetAt + totalLen(view, packetAt) - tcpAt;
  if (segmentLen < tcp.MIN_HEADER_LEN) return 0;
  const headerLen = tcp.headerLen(view, tcpAt);
  const flags = tcp.flags(view, tcpAt);
  if (headerLen < tcp.MIN_HEADER_LEN || headerLen > segmentLen || (flags & tcp.TcpFlag.rst) !== 0) return 0;
  const isV4 = ipVersion(view, packetAt) === 4;
  const resetAt = outAt + (isV4 ? ipv4.MIN_HEADER_LEN : ipv6.HEADER_LEN);
  writeIpHeader(view, packetAt, outAt, isV4);

  view.setUint16(resetAt + At.sourcePort, tcp.destinationPort(view, tcpAt));
  view.setUint16(resetAt + At.destinationPort, tcp.sourcePort(view, tcpAt));
  const hasAck = (flags & tcp.TcpFlag.ack) !== 0;
  const begins = (flags & tcp.TcpFlag.syn) !== 0 ? 1 : 0;
  const ends = (flags & tcp.TcpFlag.fin) !== 0 ? 1 : 0;
  const follows = tcp.sequence(view, tcpAt) + segmentLen - headerLen + begins + ends;
  view.setUint32(resetAt + At.sequence, hasAck ? tcp.acknowledgment(view, tcpAt) : 0);
  view.setUint32(resetAt + At.acknowledgment, hasAck ? 0 : follows);
  view.setUint16(resetAt + At.offsetFlags, NO_OPTIONS | tcp.TcpFlag.rst | (hasAck ? 0 : tcp.TcpFlag.ack));
  view.setUint16(resetAt + At.window, 0);
  // Checksum, which counts as 0 in what it is made from, and urgent pointer.
  view.setUint32(resetAt + tcp.CHECKSUM_AT, 0);
  const pseudo = isV4
    ? sumPseudo4(view, outAt, IpProtocol.tcp, tcp.MIN_HEADER_LEN)
    : sumPseudo6(view, outAt, IpProtocol.tcp, tcp.MIN_HEADER_LEN);
  tcp.setChecksum(view, resetAt, checksum(pseudo + sumBytes(view, resetAt, tcp.MIN_HEADER_LEN)));
  return resetAt - outAt + tcp.MIN_HEADER_LEN;
}

/** From whom the packet is for, to whom it is from. */
function writeIpHeader(view: DataView, packetAt: number, outAt: number, isV4: boolean): void {
  if (isV4) {
    ipv4.writeHeader(view, outAt, {
      tos: 0,
      totalLen: ipv4.MIN_HEADER_LEN + tcp.MIN_HEADER_LEN,
      flagsFragment: ipv4.FLAG_DONT_FRAGMENT,
      ttl: HOP_LIMIT,
      protocol: IpProtocol.tcp,
    });
  } else {
    const payloadLen = tcp.MIN_HEADER_LEN;
    ipv6.writeHeader(view, outAt, { payloadLen, nextHeader: IpProtocol.tcp, hopLimit: HOP_LIMIT });
  }
  const len = isV4 ? ipv4.ADDRESS_LEN : ipv6.ADDRESS_LEN;
  const sourceAt = isV4 ? ipv4.SOURCE_AT : ipv6.SOURCE_AT;
  for (let i = 0; i < len; i += 4) {
    view.setInt32(outAt + sourceAt + i, view.getInt32(packetAt + sourceAt + len + i));
    view.setInt32(outAt + sourceAt + len + i, view.getInt32(packetAt + sourceAt + i));
  }
  if (isV4) ipv4.setChecksum(view, outAt, checksum(sumBytes(view, outAt, ipv4.MIN_HEADER_LEN)));
}
