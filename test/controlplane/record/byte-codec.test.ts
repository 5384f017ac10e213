/** Checked fields: nothing is cut on the way out, nothing is read past the end. */
import { describe, expect, test } from 'vitest';
import { ByteReader, ByteWriter, MessageError } from '../../../controlplane/record/byte-codec.ts';
import { bytesOf, hexOf } from '../hex.ts';

describe('ByteWriter', () => {
  test('writes big endian', () => {
    const out = new ByteWriter();
    out.u8(0xab);
    out.u32(0xfffefdfc);
    out.u64(2 ** 53 - 1);
    out.bytes(bytesOf('0102'));
    out.text('é');
    expect(hexOf(out.finish())).toBe('abfffefdfc001fffffffffffff0102c3a9');
  });

  test.each([
    ['u8', 256],
    ['u8', -1],
    ['u32', 2 ** 32],
    ['u32', 0.5],
    ['u64', 2 ** 53],
    ['u64', Number.NaN],
  ] as const)('%s() refuses %d', (method, value) => {
    expect(() => new ByteWriter()[method](value)).toThrow(RangeError);
  });
});

describe('ByteReader', () => {
  test('reads what ByteWriter wrote', () => {
    const input = new ByteReader(bytesOf('abfffefdfc001fffffffffffffc3a9'));
    expect([input.u8(), input.u32(), input.u64(), input.text()]).toEqual([
      0xab,
      0xfffefdfc,
      2 ** 53 - 1,
      'é',
    ]);
    input.end();
  });

  test('stays inside a view over a larger buffer', () => {
    const input = new ByteReader(bytesOf('0102030405').subarray(1, 3));
    expect(input.u8()).toBe(2);
    expect(() => input.u32()).toThrow(MessageError);
    expect(input.u8()).toBe(3);
  });

  test.each(['u8', 'u32', 'u64'] as const)('%s() refuses to read past the end', (method) => {
    expect(() => new ByteReader(new Uint8Array())[method]()).toThrow(MessageError);
  });

  test('u64() refuses what is no safe integer', () => {
    expect(() => new ByteReader(bytesOf('0020000000000000')).u64()).toThrow(MessageError);
  });

  test('end() refuses fields that are left over', () => {
    expect(() => new ByteReader(new Uint8Array(1)).end()).toThrow(MessageError);
  });
});
