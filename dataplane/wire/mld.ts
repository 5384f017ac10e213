/** MLD messages of both versions. Offsets named `at` point to the ICMPv6 header. @see RFC 2710 §3, RFC 3810 §5 */

import { checksum, sumBytes, sumPseudo6 } from './checksum.ts';
import { IpProtocol } from './upper-layer.ts';

/** Bytes of a version 1 message. */
export const V1_LEN = 24;
/** Least bytes of a version 2 query; lengths between are no query. @see RFC 3810 §8.1 */
export const V2_QUERY_LEN = 28;
/** Who sends MLD sends it no further than its link. @see RFC 3810 §5 */
export const HOP_LIMIT = 1;

/** ICMPv6 types. */
export const MldType = { query: 130, reportV1: 131, done: 132, reportV2: 143 } as const;
export type MldType = (typeof MldType)[keyof typeof MldType];

/** Byte offsets from the start of the ICMPv6 header. */
const At = { type: 0 } as const;
/** Of the group of a query, a version 1 report or a done. */
export const GROUP_AT = 8;

/** The caller guarantees one byte. */
export function type(view: DataView, at: number): number {
  return view.getUint8(at + At.type);
}

/**
 * @param ipAt Offset of the IPv6 header that holds the addresses.
 * @param len  Bytes of the message, all of which the checksum covers.
 */
export function isChecksumRight(view: DataView, ipAt: number, at: number, len: number): boolean {
  return checksum(sumPseudo6(view, ipAt, IpProtocol.icmpv6, len) + sumBytes(view, at, len)) === 0;
}

/** Whether a query of `len` bytes is one of either version. */
export function isQueryLen(len: number): boolean {
  return len === V1_LEN || len >= V2_QUERY_LEN;
}
