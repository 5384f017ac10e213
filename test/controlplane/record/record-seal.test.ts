/** Sealed records: only the next record of the right direction and generation opens. */
import { describe, expect, test } from 'vitest';
import {
  type ControlRecord,
  encodeRecord,
  RecordKind,
  RecordReader,
} from '../../../controlplane/record/record.ts';
import { RecordOpener, RecordSealer } from '../../../controlplane/record/record-seal.ts';
import { flipped, hexOf } from '../hex.ts';

const KEY = new Uint8Array(32).fill(9);
const TEXT = Buffer.from('ping');
const AUTH = expect.objectContaining({ code: 'ERR_ICX_RECORD_AUTH' });

function parse(bytes: Uint8Array): ControlRecord {
  const [record] = new RecordReader().push(bytes);
  if (record === undefined) throw new Error('no record');
  return record;
}

describe('RecordSealer and RecordOpener', () => {
  test('carry messages in order', () => {
    const sealer = new RecordSealer(KEY, 3);
    const opener = new RecordOpener(KEY, 3);
    for (const text of ['one', '', 'three']) {
      const record = parse(sealer.seal(Buffer.from(text)));
      expect([record.kind, record.generation]).toEqual([RecordKind.sealed, 3]);
      expect(hexOf(opener.open(record))).toBe(hexOf(Buffer.from(text)));
    }
  });

  test('never seal two records alike', () => {
    const sealer = new RecordSealer(KEY, 0);
    expect(sealer.seal(TEXT)).not.toEqual(sealer.seal(TEXT));
  });

  test('refuse any changed byte, and go on with the right record', () => {
    const sealed = new RecordSealer(KEY, 3).seal(TEXT);
    const opener = new RecordOpener(KEY, 3);
    const { header, body } = parse(sealed);
    const record = parse(sealed);
    for (let at = 0; at < header.length; at++) {
      expect(() => opener.open({ ...record, header: flipped(header, at) }), `header ${at}`).toThrow(AUTH);
    }
    for (let at = 0; at < body.length; at++) {
      expect(() => opener.open({ ...record, body: flipped(body, at) }), `body ${at}`).toThrow(AUTH);
    }
    expect(opener.open(record)).toEqual(new Uint8Array(TEXT));
  });

  test('refuse a repeated, a skipped and a reordered record', () => {
    const sealer = new RecordSealer(KEY, 0);
    const [first, second] = [parse(sealer.seal(TEXT)), parse(sealer.seal(TEXT))];
    const opener = new RecordOpener(KEY, 0);
    expect(() => opener.open(second)).toThrow(AUTH);
    opener.open(first);
    expect(() => opener.open(first)).toThrow(AUTH);
    opener.open(second);
  });

  test('refuse the other direction, another generation and another kind', () => {
    const record = parse(new RecordSealer(KEY, 1).seal(TEXT));
    expect(() => new RecordOpener(flipped(KEY, 0), 1).open(record)).toThrow(AUTH);
    expect(() => new RecordOpener(KEY, 2).open(record)).toThrow(AUTH);
    expect(() => new RecordOpener(KEY, 1).open({ ...record, kind: RecordKind.handshake1 })).toThrow(AUTH);
    const short = parse(encodeRecord(RecordKind.sealed, 1, new Uint8Array(15)));
    expect(() => new RecordOpener(KEY, 1).open(short)).toThrow(AUTH);
  });

  test('refuse to work once wiped, rather than under a key of zeros', () => {
    const state = expect.objectContaining({ code: 'ERR_ICX_RECORD_STATE' });
    const sealer = new RecordSealer(KEY, 0);
    const record = parse(sealer.seal(TEXT));
    sealer.wipe();
    expect(() => sealer.seal(TEXT)).toThrow(state);
    const opener = new RecordOpener(KEY, 0);
    opener.wipe();
    expect(() => opener.open(record)).toThrow(state);
  });

  test('keep their own copy of the key', () => {
    const key = KEY.slice();
    const sealer = new RecordSealer(key, 0);
    key.fill(0);
    expect(new RecordOpener(KEY, 0).open(parse(sealer.seal(TEXT)))).toEqual(new Uint8Array(TEXT));
    sealer.wipe();
    expect(KEY.every((byte) => byte === 9)).toBe(true);
  });

  test('refuse a key of another length and a message that fits no record', () => {
    expect(() => new RecordSealer(KEY.slice(1), 0)).toThrow(RangeError);
    expect(() => new RecordSealer(KEY, 0).seal(new Uint8Array(4073))).toThrow(RangeError);
    expect(new RecordSealer(KEY, 0).seal(new Uint8Array(4072)).length).toBe(4096);
  });
});
