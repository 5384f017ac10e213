/**
 * Records: how the control stream is cut into handshake messages, sealed messages and refusals.
 *
 *     length of the rest (2) ‖ version (1) ‖ kind (1) ‖ generation (4) ‖ body     big endian
 *
 * A record has 4096 bytes at most, header included. Length and version stand where they stand in
 * every version, so that a node can tell its operator which one it met.
 */

export const RECORD_VERSION = 1;
export const RECORD_HEADER_LEN = 8;
export const MAX_RECORD_LEN = 4096;

export const RecordKind = { handshake1: 0, handshake2: 1, sealed: 2, refusal: 3 } as const;
export type RecordKind = (typeof RecordKind)[keyof typeof RecordKind];

const At = { length: 0, version: 2, kind: 3, generation: 4 } as const;
const LENGTH_LEN = 2;
const KINDS: readonly number[] = Object.values(RecordKind);
const MAX_GENERATION = 0xffffffff;
/** Longest refusal reason, in characters. */
const MAX_REASON = 200;

export type RecordErrorCode =
  | 'ERR_ICX_RECORD_VERSION'
  | 'ERR_ICX_RECORD_LENGTH'
  | 'ERR_ICX_RECORD_KIND'
  | 'ERR_ICX_RECORD_AUTH'
  | 'ERR_ICX_RECORD_STATE';

/** The control stream cannot be used any further: the connection has to be closed. */
export class RecordError extends Error {
  readonly code: RecordErrorCode;

  constructor(code: RecordErrorCode, message: string) {
    super(message);
    this.name = 'RecordError';
    this.code = code;
  }
}

/** One record; `header` is the 8 bytes as they came, which sealing authenticates. */
export interface ControlRecord {
  readonly kind: RecordKind;
  readonly generation: number;
  readonly header: Uint8Array;
  readonly body: Uint8Array;
}

/**
 * @param bodyLen Bytes that will follow.
 * @throws {RangeError} when the record would be too long or the generation is no 32-bit number.
 */
export function encodeRecordHeader(kind: RecordKind, generation: number, bodyLen: number): Uint8Array {
  if (bodyLen < 0 || bodyLen > MAX_RECORD_LEN - RECORD_HEADER_LEN) {
    throw new RangeError(`Cannot make a record of ${bodyLen} bytes: too long`);
  }
  if (!Number.isInteger(generation) || generation < 0 || generation > MAX_GENERATION) {
    throw new RangeError(`Cannot make a record of generation ${generation}`);
  }
  const header = new Uint8Array(RECORD_HEADER_LEN);
  const view = new DataView(header.buffer);
  view.setUint16(At.length, RECORD_HEADER_LEN - LENGTH_LEN + bodyLen);
  view.setUint8(At.version, RECORD_VERSION);
  view.setUint8(At.kind, kind);
  view.setUint32(At.generation, generation);
  return header;
}

/** A whole record of a kind that is not sealed. */
export function encodeRecord(kind: RecordKind, generation: number, body: Uint8Array): Uint8Array {
  return new Uint8Array(Buffer.concat([encodeRecordHeader(kind, generation, body.length), body]));
}

/** Tells the peer's operator why it is turned away. */
export function encodeRefusal(reason: string, generation = 0): Uint8Array {
  return encodeRecord(RecordKind.refusal, generation, Buffer.from(printable(reason)));
}

/** Reason of a refusal, safe to print. */
export function decodeRefusal(record: ControlRecord): string {
  return printable(Buffer.from(record.body).toString('utf8'));
}

/**
 * A peer's text made safe for terminals and logs: one line, no control or format characters
 * (they could rewrite the screen), 200 characters at most.
 */
export function printable(text: string): string {
  const clean = text.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]+/gu, ' ').trim();
  return [...clean].slice(0, MAX_REASON).join('');
}

/** Cuts a byte stream into records, whatever the pieces it comes in. */
export class RecordReader {
  #pending: Uint8Array = new Uint8Array();

  /**
   * Records completed by these bytes; keeps the incomplete rest, at most one record.
   *
   * @throws {RecordError} at the first bytes that start no record, after what came before them.
   */
  *push(bytes: Uint8Array): Generator<ControlRecord, void, void> {
    this.#pending = new Uint8Array(Buffer.concat([this.#pending, bytes]));
    for (let record = this.#next(); record !== null; record = this.#next()) yield record;
  }

  #next(): ControlRecord | null {
    const bytes = this.#pending;
    if (bytes.length <= At.kind) return null;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const recordLen = LENGTH_LEN + view.getUint16(At.length);
    const kind = view.getUint8(At.kind);
    checkHeader(view.getUint8(At.version), recordLen, kind);
    if (bytes.length < recordLen) return null;
    this.#pending = bytes.slice(recordLen);
    return {
      kind: kind as RecordKind,
      generation: view.getUint32(At.generation),
      header: bytes.slice(0, RECORD_HEADER_LEN),
      body: bytes.slice(RECORD_HEADER_LEN, recordLen),
    };
  }
}

function checkHeader(version: number, recordLen: number, kind: number): void {
  if (version !== RECORD_VERSION) {
    throw new RecordError(
      'ERR_ICX_RECORD_VERSION',
      `peer speaks control protocol version ${version}, this host speaks version ${RECORD_VERSION}`,
    );
  }
  if (recordLen < RECORD_HEADER_LEN || recordLen > MAX_RECORD_LEN) {
    throw new RecordError(
      'ERR_ICX_RECORD_LENGTH',
      `control record of ${recordLen} bytes: expected ${RECORD_HEADER_LEN} to ${MAX_RECORD_LEN}`,
    );
  }
  if (!KINDS.includes(kind)) {
    throw new RecordError('ERR_ICX_RECORD_KIND', `control record of unknown kind ${kind}`);
  }
}
