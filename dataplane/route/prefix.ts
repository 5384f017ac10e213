/** IP prefixes: parsed from CIDR text, compared, formatted. */

import { formatIp, type IpWords, parseIp } from '../wire/ip-text.ts';

/** A range of addresses. Bits behind `length` are zero. */
export interface Prefix {
  readonly family: 4 | 6;
  /** Big-endian 32-bit words, unsigned; an IPv4 prefix uses the first. */
  readonly words: IpWords;
  /** Bits that count: 0 to 32 or 0 to 128. */
  readonly length: number;
}

/** Prefix lengths by their only text: no sign, no leading zero. */
const LENGTHS: ReadonlyMap<string, number> = new Map(
  Array.from({ length: 129 }, (_, length) => [String(length), length]),
);

/** Address bits of a family. */
export function addressBits(family: 4 | 6): number {
  return family === 4 ? 32 : 128;
}

/** Bits of word `index` (0 to 3) that a prefix of this length covers, as a signed 32-bit mask. */
export function wordMask(length: number, index: number): number {
  const bits = length - index * 32;
  if (bits <= 0) return 0;
  return bits >= 32 ? -1 : ~(0xffffffff >>> bits);
}

/**
 * Reads CIDR text; an address without a length is a prefix of that one address.
 *
 * @throws {RangeError} The text is no prefix, or has host bits set; the message says what would do.
 * @see RFC 4632 §3.1, RFC 4291 §2.3
 */
export function parsePrefix(text: string): Prefix {
  const slashAt = text.indexOf('/');
  const ip = text.lastIndexOf('/') === slashAt ? parseIp(addressText(text, slashAt)) : null;
  if (ip === null) {
    throw new RangeError(`'${text}' is no prefix: expected one such as 10.0.0.0/8 or fd00::/8`);
  }
  const { family, words } = ip;
  const bits = addressBits(family);
  if (slashAt < 0) return { family, words, length: bits };
  const length = LENGTHS.get(text.slice(slashAt + 1));
  if (length === undefined || length > bits) {
    throw new RangeError(`'${text}' is no prefix: expected a length of 0 to ${bits} behind the slash`);
  }
  if (hasHostBits(words, length)) {
    const prefix: Prefix = { family, words: maskWords(words, length), length };
    throw new RangeError(`${text} has host bits set: did you mean ${formatPrefix(prefix)}?`);
  }
  return { family, words, length };
}

function addressText(text: string, slashAt: number): string {
  return slashAt < 0 ? text : text.slice(0, slashAt);
}

function hasHostBits(words: IpWords, length: number): boolean {
  return (
    (words[0] & ~wordMask(length, 0)) !== 0 ||
    (words[1] & ~wordMask(length, 1)) !== 0 ||
    (words[2] & ~wordMask(length, 2)) !== 0 ||
    (words[3] & ~wordMask(length, 3)) !== 0
  );
}

/** Canonical CIDR text, always with a length. @see RFC 5952 */
export function formatPrefix(prefix: Prefix): string {
  return `${formatIp(prefix.family, prefix.words)}/${prefix.length}`;
}

/** Whether every address of `inner` is one of `outer`. */
export function contains(outer: Prefix, inner: Prefix): boolean {
  return (
    outer.family === inner.family &&
    outer.length <= inner.length &&
    sameWords(maskWords(inner.words, outer.length), outer.words)
  );
}

/** The prefix of `length` bits that contains this one, which is no shorter. */
export function shortened({ family, words }: Prefix, length: number): Prefix {
  return { family, words: maskWords(words, length), length };
}

/** Whether two prefixes are the same. */
export function equalPrefixes(a: Prefix, b: Prefix): boolean {
  return a.family === b.family && a.length === b.length && sameWords(a.words, b.words);
}

function maskWords(words: IpWords, length: number): IpWords {
  const masked = (index: 0 | 1 | 2 | 3) => (words[index] & wordMask(length, index)) >>> 0;
  return [masked(0), masked(1), masked(2), masked(3)];
}

function sameWords(a: IpWords, b: IpWords): boolean {
  return a.every((word, index) => word === b[index]);
}
