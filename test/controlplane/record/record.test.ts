/** Records: framing that does not depend on how the stream is cut, and every form of garbage. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type ControlRecord,
  decodeRefusal,
  encodeRecord,
  encodeRecordHeader,
  encodeRefusal,
  MAX_RECORD_LEN,
  printable,
  RecordError,
  RecordKind,
  RecordReader,
} from '../../../controlplane/record/record.ts';
import { bytesOf, hexOf } from '../hex.ts';

function read(bytes: Uint8Array): ControlRecord[] {
  return [...new RecordReader().push(bytes)];
}

describe('encodeRecord()', () => {
  test('is laid out as the protocol says', () => {
    const record = encodeRecord(RecordKind.handshake2, 0x01020304, Uint8Array.of(0xaa, 0xbb));
    expect(hexOf(record)).toBe('0008010101020304aabb');
  });

  test('takes bodies up to 4096 bytes of record, no more', () => {
    expect(encodeRecord(RecordKind.sealed, 0, new Uint8Array(4088)).length).toBe(MAX_RECORD_LEN);
    expect(() => encodeRecord(RecordKind.sealed, 0, new Uint8Array(4089))).toThrow(RangeError);
  });

  test.each([-1, 1.5, 2 ** 32])('refuses generation %d', (generation) => {
    expect(() => encodeRecordHeader(RecordKind.sealed, generation, 0)).toThrow(RangeError);
  });
});

describe('RecordReader.push()', () => {
  const record = fc.record({
    kind: fc.constantFrom(...Object.values(RecordKind)),
    generation: fc.nat(0xffffffff),
    body: fc.uint8Array({ maxLength: 300 }),
  });

  test('gives the records that were written, however the stream is cut', () => {
    fc.assert(
      fc.property(
        fc.array(record, { maxLength: 6 }),
        fc.array(fc.nat(40), { maxLength: 60 }),
        (records, cuts) => {
          const encoded = records.map(({ kind, generation, body }) => encodeRecord(kind, generation, body));
          const stream = Buffer.concat(encoded);
          const reader = new RecordReader();
          const found: ControlRecord[] = [];
          let at = 0;
          for (const length of [...cuts, stream.length]) {
            found.push(...reader.push(new Uint8Array(stream.subarray(at, at + length))));
            at += length;
          }
          expect(found.map(({ kind, generation, body }) => ({ kind, generation, body }))).toEqual(records);
          const headers = found.map(({ header }) => hexOf(header));
          expect(headers).toEqual(encoded.map((bytes) => hexOf(bytes.slice(0, 8))));
        },
      ),
    );
  });

  test('takes a record of 4096 bytes', () => {
    expect(read(encodeRecord(RecordKind.sealed, 1, new Uint8Array(4088)))[0]?.body.length).toBe(4088);
  });

  test.each([
    ['another major version', '0008020000000000', 'ERR_ICX_RECORD_VERSION', /version 2, this host.* 1/],
    ['version 0', '0006000000000000', 'ERR_ICX_RECORD_VERSION', /version 0/],
    ['another version of any length', 'ffff0200', 'ERR_ICX_RECORD_VERSION', /version 2/],
    ['no length', '0000010000000000', 'ERR_ICX_RECORD_LENGTH', /2 bytes/],
    ['less than a header', '0005010000000000', 'ERR_ICX_RECORD_LENGTH', /7 bytes/],
    ['one byte too many', '0fff0100', 'ERR_ICX_RECORD_LENGTH', /4097 bytes/],
    ['the largest length', 'ffff0100', 'ERR_ICX_RECORD_LENGTH', /65537/],
    ['an unknown kind', '000601040000', 'ERR_ICX_RECORD_KIND', /kind 4/],
    ['text', hexOf(Buffer.from('GET / HTTP/1.1\r\n')), 'ERR_ICX_RECORD_VERSION', /version 84/],
  ])('refuses %s at its first four bytes', (_, hex, code, message) => {
    const garbage = bytesOf(hex);
    expect(() => read(garbage)).toThrow(expect.objectContaining({ code }));
    expect(() => read(garbage.slice(0, 4))).toThrow(message);
  });

  test('gives what came before the garbage', () => {
    const found: ControlRecord[] = [];
    const stream = Buffer.concat([encodeRefusal('why'), bytesOf('00060900')]);
    expect(() => {
      for (const record of new RecordReader().push(new Uint8Array(stream))) found.push(record);
    }).toThrow(RecordError);
    expect(found.map(decodeRefusal)).toEqual(['why']);
  });

  test('survives random bytes with records or a RecordError', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 64 })), (pieces) => {
        const reader = new RecordReader();
        try {
          for (const piece of pieces) for (const record of reader.push(piece)) void record;
        } catch (error) {
          expect(error).toBeInstanceOf(RecordError);
        }
      }),
    );
  });
});

describe('refusals', () => {
  test('carry their reason', () => {
    const record = read(encodeRefusal('peer requires the hybrid', 7))[0];
    expect(record?.kind).toBe(RecordKind.refusal);
    expect(record?.generation).toBe(7);
    expect(record === undefined ? '' : decodeRefusal(record)).toBe('peer requires the hybrid');
  });

  test.each([
    ['terminal escapes', 'a\u001b[2Jb\u009bc', 'a [2Jb c'],
    ['line breaks', 'one\r\ntwo\u2028three', 'one two three'],
    ['bidirectional overrides', 'a\u202eb', 'a b'],
    ['other scripts, untouched', 'größe 大小', 'größe 大小'],
  ])('printable() cleans %s', (_, text, clean) => {
    expect(printable(text)).toBe(clean);
  });

  test('printable() keeps 200 characters', () => {
    expect(printable('😀'.repeat(300))).toBe('😀'.repeat(200));
  });

  test('decodeRefusal() cleans what a peer wrote', () => {
    const record = read(encodeRecord(RecordKind.refusal, 0, Uint8Array.of(0x61, 0x1b, 0xff, 0x62)))[0];
    expect(record === undefined ? '' : decodeRefusal(record)).toBe('a \ufffdb');
  });
});
