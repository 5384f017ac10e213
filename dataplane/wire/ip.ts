/** What IPv4 and IPv6 have in common, by the version nibble. */

import * as ipv4 from './ipv4.ts';
import * as ipv6 from './ipv6.ts';
import type { UpperLayer } from './upper-layer.ts';

/** The version nibble: 4, 6 or anything else that came. The caller guarantees one byte. */
export function ipVersion(view: DataView, at: number): number {
  return view.getUint8(at) >>> 4;
}

/** Whether `len` bytes, 0 included, hold one whole IPv4 or IPv6 packet; bytes behind it may follow. */
export function checkPacket(view: DataView, at: number, len: number): boolean {
  if (len === 0) return false;
  return ipVersion(view, at) === 4 ? ipv4.checkPacket(view, at, len) : ipv6.checkPacket(view, at, len);
}

/** Length by the header's own word. The packet passed checkPacket(), here and below. */
export function totalLen(view: DataView, at: number): number {
  return ipVersion(view, at) === 4 ? ipv4.totalLen(view, at) : ipv6.totalLen(view, at);
}

/** Offset of the source address. */
export function sourceAt(view: DataView, at: number): number {
  return at + (ipVersion(view, at) === 4 ? ipv4.SOURCE_AT : ipv6.SOURCE_AT);
}

/** Offset of the destination address. */
export function destinationAt(view: DataView, at: number): number {
  return at + (ipVersion(view, at) === 4 ? ipv4.DESTINATION_AT : ipv6.DESTINATION_AT);
}

/** Finds the transport header; false when an IPv6 header chain doesn't lead to one. */
export function findUpperLayer(view: DataView, at: number, out: UpperLayer): boolean {
  return ipVersion(view, at) === 4 ? ipv4.findUpperLayer(view, at, out) : ipv6.findUpperLayer(view, at, out);
}

/** Takes a hop off TTL or hop limit, as a router does. @returns false, with nothing changed, when none is left. */
export function takeHop(view: DataView, at: number): boolean {
  return ipVersion(view, at) === 4 ? ipv4.takeHop(view, at) : ipv6.takeHop(view, at);
}
