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

/** Kinds of group records; MLDv2 has the same. @see RFC 3376 §4.2.12, RFC 3810 §5.2.12 */
export const RecordKind = {
  isInclude: 1,
  isExclude: 2,
  toInclude: 3,
  toExclude: 4,
  allowSources: 5,
  blockSources: 6,
} as const;
export type RecordKind = (typeof RecordKind)[keyof typeof RecordKind];

/** Byte offsets from the start of the message. */
const At = { type: 0, recordCount: 6 } as const;
/** Of the group of a query, a version 1 or 2 report or a leave. */
export const GROUP_AT = 4;
export const RECORDS_AT = 8;

/** Byte offsets from the start of a group record. */
const RecordAt = { kind: 0, auxLen: 1, sourceCount: 2 } as const;
export const RECORD_GROUP_AT = 4;
const RECORD_HEADER_LEN = 8;
const SOURCE_LEN = 4;
const AUX_UNIT = 4;

/** The caller guarantees HEADER_LEN bytes, here and below. */
export function type(view: DataView, at: number): number {
  return view.getUint8(at + At.type);
}

/** Group records of a version 3 report. */
export function recordCount(view: DataView, at: number): number {
  return view.getUint16(at + At.recordCount);
}

/** @param len Bytes of the message, all of which the checksum covers. */
export function isChecksumRight(view: DataView, at: number, len: number): boolean {
  return checksum(sumBytes(view, at, len)) === 0;
}

/** Whether a query of `len` bytes is one of any version. */
export function isQueryLen(len: number): boolean {
  return len === HEADER_LEN || len >= V3_QUERY_LEN;
}

/** Whether all records that a version 3 report announces lie within its `len` bytes. */
export function areRecordsWhole(view: DataView, at: number, len: number): boolean {
  const end = at + len;
  let next = at + RECORDS_AT;
  for (let left = recordCount(view, at); left > 0; left--) {
    if (next + RECORD_HEADER_LEN > end) return false;
    next += recordLen(view, next);
  }
  return next <= end;
}

/** Bytes of a group record. It lies within the report, as areRecordsWhole() found, here and below. */
export function recordLen(view: DataView, recordAt: number): number {
  const auxLen = view.getUint8(recordAt + RecordAt.auxLen) * AUX_UNIT;
  return RECORD_HEADER_LEN + sourceCount(view, recordAt) * SOURCE_LEN + auxLen;
}

export function recordKind(view: DataView, recordAt: number): number {
  return view.getUint8(recordAt + RecordAt.kind);
}

export function sourceCount(view: DataView, recordAt: number): number {
  return view.getUint16(recordAt + RecordAt.sourceCount);
}

/** What a record of some kind says about the group as a whole. */
export const Interest = { none: 0, joins: 1, leaves: 2 } as const;
export type Interest = (typeof Interest)[keyof typeof Interest];

/**
 * Whether a record asks for anything of its group, from whichever source. Including no source
 * is leaving; blocking some says nothing about the others; unknown kinds are passed over.
 */
export function interest(kind: number, sources: number): Interest {
  switch (kind) {
    case RecordKind.isInclude:
    case RecordKind.toInclude:
      return sources === 0 ? Interest.leaves : Interest.joins;
    case RecordKind.isExclude:
    case RecordKind.toExclude:
      return Interest.joins;
    case RecordKind.allowSources:
      return sources === 0 ? Interest.none : Interest.joins;
    default:
      return Interest.none;
  }
}
