/** IGMP messages of all versions. Offsets named `at` point to the first byte. @see RFC 1112, 2236, 3376 §4 */

import { checksum, sumBytes } from './checksum.ts';

/** The least of any message; all that versions 1 and 2 have. */
export const HEADER_LEN = 8;
/** Least bytes of a version 3 query; lengths between are no query. @see RFC 3376 §7.1 */
export const V3_QUERY_LEN = 12;

export const IgmpType = {
  query: 0x11,
  reportV1: 0x12,
  reportV2: 0x16,
  leave: 0x17,
  reportV3: 0x22,
} as const;
export type IgmpType = (typeof IgmpType)[keyof typeof IgmpType];

/** Byte offsets from the start of the message. */
const At = { type: 0 } as const;
/** Of the group of a query, a version 1 or 2 report or a leave. */
export const GROUP_AT = 4;

/** The caller guarantees HEADER_LEN bytes. */
export function type(view: DataView, at: number): number {
  return view.getUint8(at + At.type);
}

/** @param len Bytes of the message, all of which the checksum covers. */
export function isChecksumRight(view: DataView, at: number, len: number): boolean {
  return checksum(sumBytes(view, at, len)) === 0;
}

/** Whether a query of `len` bytes is one of any version. */
export function isQueryLen(len: number): boolean {
  return len === HEADER_LEN || len >= V3_QUERY_LEN;
}
