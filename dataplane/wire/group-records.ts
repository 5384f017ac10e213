/**
 * Group records, which IGMPv3 and MLDv2 reports have in common but for the length of addresses.
 * Offsets named `at` point to the first byte of the message, which has REPORT_LEN bytes.
 *
 * @see RFC 3376 §4.2, RFC 3810 §5.2
 */

/** The least of a report. */
export const REPORT_LEN = 8;
export const RECORDS_AT = REPORT_LEN;
const COUNT_AT = 6;

/** @see RFC 3376 §4.2.12, RFC 3810 §5.2.12 */
export const RecordKind = {
  isInclude: 1,
  isExclude: 2,
  toInclude: 3,
  toExclude: 4,
  allowSources: 5,
  blockSources: 6,
} as const;
export type RecordKind = (typeof RecordKind)[keyof typeof RecordKind];

/** Byte offsets from the start of a record. */
const RecordAt = { kind: 0, auxLen: 1, sourceCount: 2 } as const;
export const RECORD_GROUP_AT = 4;
const AUX_UNIT = 4;

/** Records of a report. */
export function recordCount(view: DataView, at: number): number {
  return view.getUint16(at + COUNT_AT);
}

/** Whether all records that a report announces lie within its `len` bytes. @param addressLen Bytes, 4 or 16. */
export function areRecordsWhole(view: DataView, at: number, len: number, addressLen: number): boolean {
  const end = at + len;
  let next = at + RECORDS_AT;
  for (let left = recordCount(view, at); left > 0; left--) {
    if (next + RECORD_GROUP_AT + addressLen > end) return false;
    next += recordLen(view, next, addressLen);
  }
  return next <= end;
}

/** Bytes of a record. It lies within the report, as areRecordsWhole() found, here and below. */
export function recordLen(view: DataView, recordAt: number, addressLen: number): number {
  const auxLen = view.getUint8(recordAt + RecordAt.auxLen) * AUX_UNIT;
  return RECORD_GROUP_AT + (1 + sourceCount(view, recordAt)) * addressLen + auxLen;
}

/** One of RecordKind. */
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
