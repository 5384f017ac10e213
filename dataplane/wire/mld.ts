/** MLD messages of both versions. Offsets named `at` point to the ICMPv6 header. @see RFC 2710 §3, RFC 3810 §5 */

import { checksum, sumBytes, sumPseudo6 } from './checksum.ts';
import { IpProtocol } from './upper-layer.ts';

/** Bytes of a version 1 message. */
export const V1_LEN = 24;
/** The least of a version 2 report. */
export const REPORT_LEN = 8;
/** Least bytes of a version 2 query; lengths between are no query. @see RFC 3810 §8.1 */
export const V2_QUERY_LEN = 28;
/** Who sends MLD sends it no further than its link. @see RFC 3810 §5 */
export const HOP_LIMIT = 1;

/** ICMPv6 types. */
export const MldType = { query: 130, reportV1: 131, done: 132, reportV2: 143 } as const;
export type MldType = (typeof MldType)[keyof typeof MldType];

/** Byte offsets from the start of the ICMPv6 header. */
const At = { type: 0, recordCount: 6 } as const;
/** Of the group of a query, a version 1 report or a done. */
export const GROUP_AT = 8;
export const RECORDS_AT = 8;

/** Byte offsets from the start of an address record. */
const RecordAt = { kind: 0, auxLen: 1, sourceCount: 2 } as const;
export const RECORD_GROUP_AT = 4;
const RECORD_HEADER_LEN = 20;
const SOURCE_LEN = 16;
const AUX_UNIT = 4;

/** The caller guarantees one byte. */
export function type(view: DataView, at: number): number {
  return view.getUint8(at + At.type);
}

/** Address records of a version 2 report, of which the caller guarantees REPORT_LEN bytes. */
export function recordCount(view: DataView, at: number): number {
  return view.getUint16(at + At.recordCount);
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

/** Whether all records that a version 2 report announces lie within its `len` bytes. */
export function areRecordsWhole(view: DataView, at: number, len: number): boolean {
  const end = at + len;
  let next = at + RECORDS_AT;
  for (let left = recordCount(view, at); left > 0; left--) {
    if (next + RECORD_HEADER_LEN > end) return false;
    next += recordLen(view, next);
  }
  return next <= end;
}

/** Bytes of an address record. It lies within the report, as areRecordsWhole() found, here and below. */
export function recordLen(view: DataView, recordAt: number): number {
  const auxLen = view.getUint8(recordAt + RecordAt.auxLen) * AUX_UNIT;
  return RECORD_HEADER_LEN + sourceCount(view, recordAt) * SOURCE_LEN + auxLen;
}

/** One of RecordKind. */
export function recordKind(view: DataView, recordAt: number): number {
  return view.getUint8(recordAt + RecordAt.kind);
}

export function sourceCount(view: DataView, recordAt: number): number {
  return view.getUint16(recordAt + RecordAt.sourceCount);
}
