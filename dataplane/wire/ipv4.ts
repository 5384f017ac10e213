/** IPv4 header. Offsets named `at` point to its first byte. @see RFC 791 §3.1 */

import { Fragment, type UpperLayer } from './upper-layer.ts';

/** Bytes of a header without options. */
export const MIN_HEADER_LEN = 20;
export const ADDRESS_LEN = 4;

/** Byte offsets from the start of the header. */
export const SOURCE_AT = 12;
export const DESTINATION_AT = 16;
const At = {
  versionIhl: 0,
  tos: 1,
  totalLen: 2,
  id: 4,
  flagsFragment: 6,
  ttl: 8,
  protocol: 9,
  checksum: 10,
} as const;

export const FLAG_DONT_FRAGMENT = 0x4000;
const FLAG_MORE_FRAGMENTS = 0x2000;
const FRAGMENT_OFFSET_MASK = 0x1fff;

/**
 * Whether `len` bytes hold one whole IPv4 packet; bytes behind its total length may follow.
 * The header checksum is left to the kernel that gets the packet.
 */
export function checkPacket(view: DataView, at: number, len: number): boolean {
  if (len < MIN_HEADER_LEN || view.getUint8(at + At.versionIhl) >>> 4 !== 4) return false;
  const header = headerLen(view, at);
  const total = totalLen(view, at);
  return header >= MIN_HEADER_LEN && total >= header && total <= len;
}

/** Length of header and options, 0 to 60 bytes. The caller guarantees MIN_HEADER_LEN bytes, here and below. */
export function headerLen(view: DataView, at: number): number {
  return (view.getUint8(at + At.versionIhl) & 0x0f) * 4;
}

/** Length of header and payload, in bytes. */
export function totalLen(view: DataView, at: number): number {
  return view.getUint16(at + At.totalLen);
}

export function id(view: DataView, at: number): number {
  return view.getUint16(at + At.id);
}

export function tos(view: DataView, at: number): number {
  return view.getUint8(at + At.tos);
}

export function ttl(view: DataView, at: number): number {
  return view.getUint8(at + At.ttl);
}

export function protocol(view: DataView, at: number): number {
  return view.getUint8(at + At.protocol);
}

export function isDontFragment(view: DataView, at: number): boolean {
  return (view.getUint16(at + At.flagsFragment) & FLAG_DONT_FRAGMENT) !== 0;
}

export function fragment(view: DataView, at: number): Fragment {
  const field = view.getUint16(at + At.flagsFragment);
  if ((field & FRAGMENT_OFFSET_MASK) !== 0) return Fragment.later;
  return (field & FLAG_MORE_FRAGMENTS) !== 0 ? Fragment.first : Fragment.none;
}

/** Finds the payload of a packet that checkPacket() passed. */
export function findUpperLayer(view: DataView, at: number, out: UpperLayer): boolean {
  out.protocol = protocol(view, at);
  out.at = at + headerLen(view, at);
  out.fragment = fragment(view, at);
  return true;
}

/** A hop of the TTL, and of the checksum over it: what adds to one lessens the other. */
const TTL_STEP = 0x0100;

/**
 * Takes a hop off a packet's TTL, with the checksum that the header then has; what was wrong stays wrong.
 *
 * @returns false, with nothing changed, when no hop is left.
 * @see RFC 1812 §5.3.1, RFC 1624 §3
 */
export function takeHop(view: DataView, at: number): boolean {
  const hops = ttl(view, at);
  if (hops <= 1) return false;
  view.setUint8(at + At.ttl, hops - 1);
  const sum = view.getUint16(at + At.checksum) + TTL_STEP;
  // A sum is never zero, so that the field is never all ones.
  const field = (sum & 0xffff) + (sum >>> 16);
  view.setUint16(at + At.checksum, field === 0xffff ? 0 : field);
  return true;
}

/** Writes a header without options or addresses; the checksum is left 0. */
export function writeHeader(
  view: DataView,
  at: number,
  fields: { tos: number; totalLen: number; flagsFragment: number; ttl: number; protocol: number },
): void {
  view.setUint8(at + At.versionIhl, 0x45);
  view.setUint8(at + At.tos, fields.tos);
  view.setUint16(at + At.totalLen, fields.totalLen);
  view.setUint16(at + At.id, 0);
  view.setUint16(at + At.flagsFragment, fields.flagsFragment);
  view.setUint8(at + At.ttl, fields.ttl);
  view.setUint8(at + At.protocol, fields.protocol);
  view.setUint16(at + At.checksum, 0);
}

export function setTos(view: DataView, at: number, value: number): void {
  view.setUint8(at + At.tos, value);
}

export function setTotalLen(view: DataView, at: number, value: number): void {
  view.setUint16(at + At.totalLen, value);
}

export function setId(view: DataView, at: number, value: number): void {
  view.setUint16(at + At.id, value);
}

export function setChecksum(view: DataView, at: number, value: number): void {
  view.setUint16(at + At.checksum, value);
}
