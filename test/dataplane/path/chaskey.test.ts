import { describe, expect, test } from 'vitest';
import { Chaskey } from '../../../dataplane/path/chaskey.ts';

/** Key and tags of messages 00 01 02 …: N. Mouha, reference implementation chaskey12.c, test vectors. */
const KEY = Uint8Array.of(
  0x33,
  0x34,
  0x3d,
  0x83,
  0x9f,
  0x38,
  0x9f,
  0,
  0x4f,
  0xe6,
  0x98,
  0x23,
  0x39,
  0xcf,
  0x7a,
  0x41,
);
const FIRST_TAG_WORDS = [
  { len: 16, tag: 0x5dd0e2a9 },
  { len: 32, tag: 0x77962784 },
  { len: 48, tag: 0xf36e748b },
];

type Words = [number, number, number, number];

/** Little-endian words of the block that starts with byte value `first`. */
function block(first: number): Words {
  const view = new DataView(Uint8Array.from({ length: 16 }, (_, i) => first + i).buffer);
  return [view.getInt32(0, true), view.getInt32(4, true), view.getInt32(8, true), view.getInt32(12, true)];
}

function tagOf(prf: Chaskey, len: number): number {
  for (let at = 0; at < len - 16; at += 16) prf.absorb(...block(at));
  return prf.finish(...block(len - 16)) >>> 0;
}

describe('Chaskey', () => {
  test.each(FIRST_TAG_WORDS)('finish() gives the published tag of $len bytes', ({ len, tag }) => {
    expect(tagOf(new Chaskey(KEY), len)).toBe(tag);
  });

  test('finish() leaves the object ready for the next message', () => {
    const prf = new Chaskey(KEY);
    for (const { len, tag } of FIRST_TAG_WORDS) expect(tagOf(prf, len)).toBe(tag);
  });

  test('words above 2^31 count as the same bits signed or unsigned', () => {
    const prf = new Chaskey(KEY);
    expect(prf.finish(0xffffffff, 0x80000000, 0, 0)).toBe(prf.finish(-1, -0x80000000, 0, 0));
  });

  test.each([0, 15, 17])('a key of %i bytes is refused', (len) => {
    expect(() => new Chaskey(new Uint8Array(len))).toThrow(RangeError);
  });
});
