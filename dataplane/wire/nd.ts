/**
 * Neighbour Solicitation and Advertisement with their link-layer address options, over Ethernet.
 *
 * Offsets named `at` point to the IPv6 header. Only messages right behind that header count:
 * nobody sends them behind extension headers, and fragments are forbidden (RFC 6980 §5).
 *
 * @see RFC 4861 §4.3, §4.4, §4.6; RFC 2464 §6 for Ethernet
 */

import { checksum, sumBytes, sumPseudo6 } from './checksum.ts';
import { writeAddress } from './ethernet.ts';
import * as ipv6 from './ipv6.ts';
import { IpProtocol } from './upper-layer.ts';

export const NdType = { solicitation: 135, advertisement: 136 } as const;
export type NdType = (typeof NdType)[keyof typeof NdType];

/** Flags of an advertisement. @see RFC 4861 §4.4 */
export const NdFlag = { router: 0x80, solicited: 0x40, override: 0x20 } as const;

/** Link-layer address options. @see RFC 4861 §4.6.1 */
export const NdOption = { source: 1, target: 2 } as const;
export type NdOption = (typeof NdOption)[keyof typeof NdOption];

/** Byte offsets from the start of the IPv6 header, here and below. */
const ICMP_AT = ipv6.HEADER_LEN;
const At = { type: ICMP_AT, code: ICMP_AT + 1, checksum: ICMP_AT + 2, flags: ICMP_AT + 4 } as const;
export const TARGET_AT = ICMP_AT + 8;
/** ICMPv6 bytes of a message without options. */
const MIN_MESSAGE_LEN = 24;
const OPTIONS_AT = ICMP_AT + MIN_MESSAGE_LEN;

/** Options are counted in units of this many bytes. */
const OPTION_UNIT = 8;
const OPTION_HEADER_LEN = 2;
const HOP_LIMIT = 255;
/** Bytes of what writeAdvertisement() writes. */
export const ADVERTISEMENT_LEN = OPTIONS_AT + OPTION_UNIT;

const MULTICAST = 0xff;
/** First word of link-local groups; the solicited-node ones are ff02::1:ff00:0/104. @see RFC 4291 §2.7.1 */
const LINK_MULTICAST = 0xff020000 | 0;
const SOLICITED_NODE = 0xff;

/** The type of a solicitation or advertisement in `len` bytes that begin with an IPv6 header; 0 for all else. */
export function messageType(view: DataView, at: number, len: number): number {
  if (len < ipv6.HEADER_LEN || ipv6.nextHeader(view, at) !== IpProtocol.icmpv6) return 0;
  if (!ipv6.checkPacket(view, at, len) || ipv6.totalLen(view, at) === ipv6.HEADER_LEN) return 0;
  const type = view.getUint8(at + At.type);
  return type === NdType.solicitation || type === NdType.advertisement ? type : 0;
}

/**
 * Whether a message may be believed. Beyond the two lists of RFC 4861, its source is no group.
 *
 * @param type What messageType() said, not 0.
 * @see RFC 4861 §7.1.1, §7.1.2
 */
export function checkMessage(view: DataView, at: number, type: number): boolean {
  const len = ipv6.totalLen(view, at) - ICMP_AT;
  if (ipv6.hopLimit(view, at) !== HOP_LIMIT || len < MIN_MESSAGE_LEN) return false;
  if (view.getUint8(at + At.code) !== 0 || isMulticast(view, at + TARGET_AT)) return false;
  if (!checkOptions(view, at) || isMulticast(view, at + ipv6.SOURCE_AT)) return false;
  if (type === NdType.solicitation ? !checkProbe(view, at) : !checkSolicited(view, at)) return false;
  return checksum(sumPseudo6(view, at, IpProtocol.icmpv6, len) + sumBytes(view, at + ICMP_AT, len)) === 0;
}

/** A solicitation without a source goes to a solicited-node group and names no link-layer address. */
function checkProbe(view: DataView, at: number): boolean {
  if (!isProbe(view, at)) return true;
  return isSolicitedNode(view, at + ipv6.DESTINATION_AT) && optionAt(view, at, NdOption.source) < 0;
}

/** Nobody in particular solicited an advertisement to a group. */
function checkSolicited(view: DataView, at: number): boolean {
  return (flags(view, at) & NdFlag.solicited) === 0 || !isMulticast(view, at + ipv6.DESTINATION_AT);
}

function checkOptions(view: DataView, at: number): boolean {
  const end = at + ipv6.totalLen(view, at);
  let next = at + OPTIONS_AT;
  while (next < end) {
    if (next + OPTION_HEADER_LEN > end) return false;
    const len = view.getUint8(next + 1) * OPTION_UNIT;
    if (len === 0 || next + len > end) return false;
    next += len;
  }
  return true;
}

/** Offset of the first option of a type, −1 without one. The options are well-formed. */
function optionAt(view: DataView, at: number, option: NdOption): number {
  const end = at + ipv6.totalLen(view, at);
  for (let next = at + OPTIONS_AT; next < end; next += view.getUint8(next + 1) * OPTION_UNIT) {
    if (view.getUint8(next) === option) return next;
  }
  return -1;
}

/**
 * Offset of the Ethernet address in the first option of this type; −1 when there is none or it is
 * of another length. The message passed checkMessage(), here and below.
 */
export function linkLayerAddressAt(view: DataView, at: number, option: NdOption): number {
  const found = optionAt(view, at, option);
  return found >= 0 && view.getUint8(found + 1) === 1 ? found + OPTION_HEADER_LEN : -1;
}

/** NdFlag bits of an advertisement. */
export function flags(view: DataView, at: number): number {
  return view.getUint8(at + At.flags);
}

/** Whether a solicitation's sender has no address yet and looks for a duplicate. @see RFC 4862 §5.4.2 */
export function isProbe(view: DataView, at: number): boolean {
  const sourceAt = at + ipv6.SOURCE_AT;
  return (
    view.getInt32(sourceAt) === 0 &&
    view.getInt32(sourceAt + 4) === 0 &&
    view.getInt32(sourceAt + 8) === 0 &&
    view.getInt32(sourceAt + 12) === 0
  );
}

function isMulticast(view: DataView, addressAt: number): boolean {
  return view.getUint8(addressAt) === MULTICAST;
}

function isSolicitedNode(view: DataView, addressAt: number): boolean {
  return (
    view.getInt32(addressAt) === LINK_MULTICAST &&
    view.getInt32(addressAt + 4) === 0 &&
    view.getInt32(addressAt + 8) === 1 &&
    view.getUint8(addressAt + 12) === SOLICITED_NODE
  );
}

/**
 * Writes the advertisement that says where a solicitation's target is, from the target: to who
 * asked with the solicited flag, or to all nodes without it where a probe asked.
 *
 * @param at       The solicitation; it must not overlap the answer.
 * @param outAt    Where the IPv6 header goes.
 * @param setFlags Router and override flags to set.
 * @param macHigh  Address of the target, with `macLow`.
 * @returns        Bytes written: ADVERTISEMENT_LEN.
 * @see RFC 4861 §7.2.4
 */
export function writeAdvertisement(
  view: DataView,
  at: number,
  outAt: number,
  setFlags: number,
  macHigh: number,
  macLow: number,
): number {
  const isForAll = isProbe(view, at);
  const payloadLen = ADVERTISEMENT_LEN - ipv6.HEADER_LEN;
  ipv6.writeHeader(view, outAt, { payloadLen, nextHeader: IpProtocol.icmpv6, hopLimit: HOP_LIMIT });
  copyAddress(view, at + TARGET_AT, outAt + ipv6.SOURCE_AT);
  if (isForAll) writeAllNodes(view, outAt + ipv6.DESTINATION_AT);
  else copyAddress(view, at + ipv6.SOURCE_AT, outAt + ipv6.DESTINATION_AT);
  view.setUint32(outAt + ICMP_AT, NdType.advertisement << 24);
  view.setUint32(outAt + At.flags, (setFlags | (isForAll ? 0 : NdFlag.solicited)) << 24);
  copyAddress(view, at + TARGET_AT, outAt + TARGET_AT);
  view.setUint8(outAt + OPTIONS_AT, NdOption.target);
  view.setUint8(outAt + OPTIONS_AT + 1, 1);
  writeAddress(view, outAt + OPTIONS_AT + OPTION_HEADER_LEN, macHigh, macLow);
  const pseudo = sumPseudo6(view, outAt, IpProtocol.icmpv6, payloadLen);
  view.setUint16(outAt + At.checksum, checksum(pseudo + sumBytes(view, outAt + ICMP_AT, payloadLen)));
  return ADVERTISEMENT_LEN;
}

/** ff02::1. @see RFC 4291 §2.7.1 */
function writeAllNodes(view: DataView, addressAt: number): void {
  view.setInt32(addressAt, LINK_MULTICAST);
  view.setInt32(addressAt + 4, 0);
  view.setInt32(addressAt + 8, 0);
  view.setInt32(addressAt + 12, 1);
}

function copyAddress(view: DataView, fromAt: number, toAt: number): void {
  for (let i = 0; i < ipv6.ADDRESS_LEN; i += 4) view.setInt32(toAt + i, view.getInt32(fromAt + i));
}
