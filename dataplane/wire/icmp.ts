/** ICMP errors about a packet: ICMPv4 (RFC 792, 1191) or ICMPv6 (RFC 4443), by the packet's version. */

import { checksum, sumBytes, sumPseudo6 } from './checksum.ts';
import { checkPacket, findUpperLayer, ipVersion } from './ip.ts';
import * as ipv4 from './ipv4.ts';
import * as ipv6 from './ipv6.ts';
import { createUpperLayer, Fragment, IpProtocol } from './upper-layer.ts';

export const ICMP_HEADER_LEN = 8;
/** Most bytes that an error takes. */
export const MAX_ANSWER_LEN = ipv6.MIN_MTU_BYTES;

/** Byte offsets from the start of the ICMP header. An MTU is the word, in ICMPv4 its lower 16 bits. */
const At = { type: 0, code: 1, checksum: 2, word: 4 } as const;

/** Destination unreachable, fragmentation needed. @see RFC 1191 §4 */
const V4_UNREACHABLE = 3;
const V4_FRAGMENTATION_NEEDED = 4;
/** @see RFC 4443 §3.2 */
const V6_PACKET_TOO_BIG = 2;
/** Time exceeded, on the way. @see RFC 792, RFC 4443 §3.3 */
const V4_TIME_EXCEEDED = 11;
const V6_TIME_EXCEEDED = 3;
const V6_REDIRECT = 137;
/** ICMPv6 types from here on are informational. @see RFC 4443 §2.1 */
const V6_FIRST_INFORMATIONAL = 128;

/** ICMPv4 errors quote no more than makes a datagram of this size. @see RFC 1812 §4.3.2.3 */
const V4_MAX_ANSWER_LEN = 576;
/** Every IPv4 link carries packets of this size. @see RFC 791 §3.2 */
const V4_MIN_MTU_BYTES = 68;
/** Precedence "internetwork control". @see RFC 1812 §4.3.2.5 */
const V4_TOS = 0xc0;
const HOP_LIMIT = 64;

const upper = createUpperLayer();

/**
 * Writes the ICMP "fragmentation needed" or "packet too big" that answers an inner packet.
 *
 * It is written for packets without the DF bit too: a tunnel does not fragment, and silence
 * would be a black hole. No answer goes to ICMP errors, to later fragments, to packets from or
 * to more than one host, or to headers that can't be followed (RFC 1122 §3.2.2, RFC 4443 §2.4),
 * nor does one name an MTU that hosts must disregard (RFC 8201 §4).
 *
 * @param packetLen Bytes of the packet.
 * @param mtu       Largest inner packet that the path takes, in bytes.
 * @param sourceAt  Offset of the address to answer from, of the packet's family; −1 answers from
 *                  the packet's destination.
 * @param outAt     Where MAX_ANSWER_LEN bytes are free; they must not overlap the packet.
 * @returns         Length of the answer, a whole IP packet; 0 when none may be sent.
 */
export function writePacketTooBig(
  view: DataView,
  packetAt: number,
  packetLen: number,
  mtu: number,
  sourceAt: number,
  outAt: number,
): number {
  if (!checkPacket(view, packetAt, packetLen)) return 0;
  return writeTooBig(view, packetAt, packetLen, mtu, sourceAt, outAt);
}

/** As writePacketTooBig(), about a packet as writeIcmpError() takes it. */
export function writeTooBig(
  view: DataView,
  packetAt: number,
  packetLen: number,
  mtu: number,
  sourceAt: number,
  outAt: number,
): number {
  if (ipVersion(view, packetAt) === 4) {
    if (mtu < V4_MIN_MTU_BYTES) return 0;
    const code = V4_FRAGMENTATION_NEEDED;
    return writeV4(view, packetAt, packetLen, V4_UNREACHABLE, code, mtu, sourceAt, outAt);
  }
  if (mtu < ipv6.MIN_MTU_BYTES) return 0;
  return writeV6(view, packetAt, packetLen, V6_PACKET_TOO_BIG, 0, mtu, sourceAt, outAt);
}

/**
 * Writes an ICMP error about a packet, where one may be sent: see writePacketTooBig().
 *
 * @param packetLen Bytes that are there to be quoted. The packet passed checkPacket(), or is the
 *                  beginning of one that did, with its transport header.
 * @param type      Of the packet's own ICMP version, and so `code`.
 * @param word      What the second half of the header says, as a 32-bit number.
 */
export function writeIcmpError(
  view: DataView,
  packetAt: number,
  packetLen: number,
  type: number,
  code: number,
  word: number,
  sourceAt: number,
  outAt: number,
): number {
  return ipVersion(view, packetAt) === 4
    ? writeV4(view, packetAt, packetLen, type, code, word, sourceAt, outAt)
    : writeV6(view, packetAt, packetLen, type, code, word, sourceAt, outAt);
}

/**
 * Writes the ICMP "time exceeded" that answers a packet without a hop left. Parameters and result are
 * those of `writePacketTooBig`.
 *
 * @see RFC 1812 §5.3.1, RFC 4443 §3.3
 */
export function writeTimeExceeded(
  view: DataView,
  packetAt: number,
  packetLen: number,
  sourceAt: number,
  outAt: number,
): number {
  if (!checkPacket(view, packetAt, packetLen)) return 0;
  const type = ipVersion(view, packetAt) === 4 ? V4_TIME_EXCEEDED : V6_TIME_EXCEEDED;
  return writeIcmpError(view, packetAt, packetLen, type, 0, 0, sourceAt, outAt);
}

function writeV4(
  view: DataView,
  packetAt: number,
  packetLen: number,
  type: number,
  code: number,
  word: number,
  sourceAt: number,
  outAt: number,
): number {
  if (!mayAnswerV4(view, packetAt)) return 0;
  const icmpAt = outAt + ipv4.MIN_HEADER_LEN;
  const quotedAt = icmpAt + ICMP_HEADER_LEN;
  const present = Math.min(ipv4.totalLen(view, packetAt), packetLen);
  const quotedLen = Math.min(present, V4_MAX_ANSWER_LEN - (quotedAt - outAt));
  const totalLen = quotedAt - outAt + quotedLen;
  ipv4.writeHeader(view, outAt, {
    tos: V4_TOS,
    totalLen,
    flagsFragment: ipv4.FLAG_DONT_FRAGMENT,
    ttl: HOP_LIMIT,
    protocol: IpProtocol.icmp,
  });
  const fromAt = sourceAt < 0 ? packetAt + ipv4.DESTINATION_AT : sourceAt;
  copy(view, fromAt, outAt + ipv4.SOURCE_AT, ipv4.ADDRESS_LEN);
  copy(view, packetAt + ipv4.SOURCE_AT, outAt + ipv4.DESTINATION_AT, ipv4.ADDRESS_LEN);
  ipv4.setChecksum(view, outAt, checksum(sumBytes(view, outAt, ipv4.MIN_HEADER_LEN)));

  writeIcmpHeader(view, icmpAt, type, code, word);
  copy(view, packetAt, quotedAt, quotedLen);
  view.setUint16(icmpAt + At.checksum, checksum(sumBytes(view, icmpAt, ICMP_HEADER_LEN + quotedLen)));
  return totalLen;
}

function writeV6(
  view: DataView,
  packetAt: number,
  packetLen: number,
  type: number,
  code: number,
  word: number,
  sourceAt: number,
  outAt: number,
): number {
  if (!mayAnswerV6(view, packetAt, sourceAt)) return 0;
  const icmpAt = outAt + ipv6.HEADER_LEN;
  const quotedAt = icmpAt + ICMP_HEADER_LEN;
  const present = Math.min(ipv6.totalLen(view, packetAt), packetLen);
  const quotedLen = Math.min(present, MAX_ANSWER_LEN - (quotedAt - outAt));
  const payloadLen = ICMP_HEADER_LEN + quotedLen;
  ipv6.writeHeader(view, outAt, { payloadLen, nextHeader: IpProtocol.icmpv6, hopLimit: HOP_LIMIT });
  const fromAt = sourceAt < 0 ? packetAt + ipv6.DESTINATION_AT : sourceAt;
  copy(view, fromAt, outAt + ipv6.SOURCE_AT, ipv6.ADDRESS_LEN);
  copy(view, packetAt + ipv6.SOURCE_AT, outAt + ipv6.DESTINATION_AT, ipv6.ADDRESS_LEN);

  writeIcmpHeader(view, icmpAt, type, code, word);
  copy(view, packetAt, quotedAt, quotedLen);
  const sum = sumPseudo6(view, outAt, IpProtocol.icmpv6, payloadLen) + sumBytes(view, icmpAt, payloadLen);
  view.setUint16(icmpAt + At.checksum, checksum(sum));
  return ipv6.HEADER_LEN + payloadLen;
}

/** @see RFC 1122 §3.2.2 */
function mayAnswerV4(view: DataView, packetAt: number): boolean {
  ipv4.findUpperLayer(view, packetAt, upper);
  if (upper.fragment === Fragment.later) return false;
  const source = view.getUint8(packetAt + ipv4.SOURCE_AT);
  if (source === 0 || source === 127 || source >= 224) return false;
  if (view.getUint8(packetAt + ipv4.DESTINATION_AT) >= 224) return false;
  if (upper.protocol !== IpProtocol.icmp) return true;
  return upper.at < packetAt + ipv4.totalLen(view, packetAt) && !isV4Error(view.getUint8(upper.at + At.type));
}

/** Unreachable, source quench, redirect, time exceeded, parameter problem. @see RFC 1122 §3.2.2 */
function isV4Error(type: number): boolean {
  return type === 3 || type === 4 || type === 5 || type === 11 || type === 12;
}

/** A multicast destination may be answered, but not from that address. @see RFC 4443 §2.2, §2.4 (e) */
function mayAnswerV6(view: DataView, packetAt: number, sourceAt: number): boolean {
  if (!findUpperLayer(view, packetAt, upper) || upper.fragment === Fragment.later) return false;
  if (isUnspecified(view, packetAt + ipv6.SOURCE_AT) || isMulticastV6(view, packetAt + ipv6.SOURCE_AT)) {
    return false;
  }
  if (sourceAt < 0 && isMulticastV6(view, packetAt + ipv6.DESTINATION_AT)) return false;
  if (upper.protocol !== IpProtocol.icmpv6) return true;
  if (upper.at >= packetAt + ipv6.totalLen(view, packetAt)) return false;
  const type = view.getUint8(upper.at + At.type);
  return type >= V6_FIRST_INFORMATIONAL && type !== V6_REDIRECT;
}

function isMulticastV6(view: DataView, addressAt: number): boolean {
  return view.getUint8(addressAt) === 0xff;
}

function isUnspecified(view: DataView, addressAt: number): boolean {
  for (let i = 0; i < ipv6.ADDRESS_LEN; i += 4) {
    if (view.getUint32(addressAt + i) !== 0) return false;
  }
  return true;
}

/** The checksum is left 0. */
function writeIcmpHeader(view: DataView, at: number, type: number, code: number, word: number): void {
  view.setUint8(at + At.type, type);
  view.setUint8(at + At.code, code);
  view.setUint16(at + At.checksum, 0);
  view.setUint32(at + At.word, word);
}

function copy(view: DataView, fromAt: number, toAt: number, len: number): void {
  let done = 0;
  for (; done + 4 <= len; done += 4) view.setUint32(toAt + done, view.getUint32(fromAt + done));
  for (; done < len; done++) view.setUint8(toAt + done, view.getUint8(fromAt + done));
}
