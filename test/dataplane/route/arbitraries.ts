/** Addresses and prefixes for tests: few bits vary, so that prefixes nest and meet. */
import fc from 'fast-check';
import { addressBits, type Prefix, wordMask } from '../../../dataplane/route/prefix.ts';
import type { IpWords } from '../../../dataplane/wire/ip-text.ts';

type Family = 4 | 6;

/** Words near the ends of the range, and some anywhere. */
const word = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(0, 0x80000000, 0xffffffff, 0x0a000000, 0x0a000001) },
  { weight: 1, arbitrary: fc.nat(0xffffffff) },
);

export function addressOf(family: Family): fc.Arbitrary<IpWords> {
  const zero = fc.constant(0);
  return family === 4 ? fc.tuple(word, zero, zero, zero) : fc.tuple(word, word, word, word);
}

export function prefixOf(family: Family): fc.Arbitrary<Prefix> {
  const bits = addressBits(family);
  const length = fc.oneof(fc.constantFrom(0, 1, 8, 31, 32, bits - 1, bits), fc.nat(bits));
  return fc.tuple(addressOf(family), length).map(([words, len]) => makePrefix(family, words, len));
}

export function makePrefix(family: Family, words: IpWords, length: number): Prefix {
  const masked = (index: 0 | 1 | 2 | 3) => (words[index] & wordMask(length, index)) >>> 0;
  return { family, words: [masked(0), masked(1), masked(2), masked(3)], length };
}

/** Text of the first `length` bits: a slow way to see whether a prefix covers an address. */
export function bitsOf(family: Family, words: IpWords, length: number): string {
  const all = words.map((value) => value.toString(2).padStart(32, '0')).join('');
  return all.slice(0, addressBits(family)).slice(0, length);
}

export function covers(prefix: Prefix, address: IpWords): boolean {
  const { family, words, length } = prefix;
  return bitsOf(family, words, length) === bitsOf(family, address, length);
}

/** Writes an address as it stands in a packet. */
export function putAddress(view: DataView, at: number, family: Family, words: IpWords): void {
  for (let i = 0; i < (family === 4 ? 1 : 4); i++) view.setUint32(at + i * 4, words[i] ?? 0);
}
