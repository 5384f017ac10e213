/** IP addresses as text: the data plane's one parser and one formatter. */

/** Address bits as four big-endian 32-bit words, unsigned; an IPv4 address is the first word. */
export type IpWords = readonly [number, number, number, number];

export interface IpAddress {
  readonly family: 4 | 6;
  readonly words: IpWords;
}

/** Third word of an IPv4-mapped IPv6 address, ::ffff:0:0/96. @see RFC 4291 §2.5.5.2 */
const MAPPED_PREFIX = 0xffff;
const GROUPS = 8;
const Char = { dot: 0x2e, zero: 0x30, nine: 0x39, colon: 0x3a, a: 0x61, f: 0x66 } as const;
const LOWER_CASE = 0x20;
const NO_DIGIT = -1;
const NO_GAP = -1;

/**
 * Reads dotted IPv4 (no leading zeros, which some parsers take for octal) or IPv6 text with
 * `::` and an embedded IPv4 tail. Zones (`%eth0`) are refused.
 *
 * @returns null when the text is no address.
 * @see RFC 4291 §2.2, RFC 6943 §3.1.1
 */
export function parseIp(text: string): IpAddress | null {
  if (text.includes(':')) {
    const words = parseV6(text);
    return words === null ? null : { family: 6, words };
  }
  const word = parseV4(text);
  return word === null ? null : { family: 4, words: [word, 0, 0, 0] };
}

/** Character by character, like the IPv6 below: peers come with 100,000 prefixes of text. */
function parseV4(text: string): number | null {
  let word = 0;
  let dots = 0;
  let byte = NO_DIGIT;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === Char.dot) {
      if (byte === NO_DIGIT || ++dots > 3) return null;
      word = word * 256 + byte;
      byte = NO_DIGIT;
    } else if (code < Char.zero || code > Char.nine || byte === 0) {
      return null;
    } else {
      byte = byte === NO_DIGIT ? code - Char.zero : byte * 10 + code - Char.zero;
      if (byte > 255) return null;
    }
  }
  return dots === 3 && byte !== NO_DIGIT ? word * 256 + byte : null;
}

function parseV6(text: string): IpWords | null {
  const groups: number[] = [];
  let gapAt = text.startsWith('::') ? 0 : NO_GAP;
  let at = gapAt === NO_GAP ? 0 : 2;
  while (at < text.length) {
    const colon = text.indexOf(':', at);
    if (!pushGroup(groups, text, at, colon)) return null;
    if (colon < 0) break;
    at = colon + 1;
    if (at === text.length) return null;
    if (text.charCodeAt(at) !== Char.colon) continue;
    if (gapAt !== NO_GAP) return null;
    gapAt = groups.length;
    at++;
  }
  return toWords(groups, gapAt);
}

/** Reads what ends at `colon`, or, where that is negative, the last: it alone may be dotted IPv4. */
function pushGroup(groups: number[], text: string, at: number, colon: number): boolean {
  const group = parseGroup(text, at, colon < 0 ? text.length : colon);
  if (group !== null) {
    groups.push(group);
    return true;
  }
  const word = colon < 0 ? parseV4(text.slice(at)) : null;
  if (word === null) return false;
  groups.push(word >>> 16, word & 0xffff);
  return true;
}

/** One to four hexadecimal digits. */
function parseGroup(text: string, at: number, end: number): number | null {
  if (end === at || end - at > 4) return null;
  let group = 0;
  for (let i = at; i < end; i++) {
    const code = text.charCodeAt(i);
    const letter = code | LOWER_CASE;
    if (code >= Char.zero && code <= Char.nine) group = group * 16 + code - Char.zero;
    else if (letter >= Char.a && letter <= Char.f) group = group * 16 + letter - Char.a + 10;
    else return null;
  }
  return group;
}

/** @param gapAt Where zero groups are left out, at least one of them. */
function toWords(groups: readonly number[], gapAt: number): IpWords | null {
  const missing = GROUPS - groups.length;
  if (gapAt === NO_GAP ? missing !== 0 : missing < 1) return null;
  const group = (index: number) => {
    if (gapAt === NO_GAP || index < gapAt) return groups[index] ?? 0;
    return index < gapAt + missing ? 0 : (groups[index - missing] ?? 0);
  };
  const word = (index: number) => group(index) * 0x10000 + group(index + 1);
  return [word(0), word(2), word(4), word(6)];
}

/** Whether an IPv6 address carries an IPv4 one. */
export function isMappedV4(words: IpWords): boolean {
  return words[0] === 0 && words[1] === 0 && words[2] === MAPPED_PREFIX;
}

/** The IPv4-mapped IPv6 address of an IPv4 word. */
export function mapV4(word: number): IpWords {
  return [0, 0, MAPPED_PREFIX, word];
}

/**
 * Canonical text: dotted IPv4; IPv6 in lower case with the longest run of zero groups
 * shortened, the first of equals, and IPv4-mapped ones with a dotted tail.
 *
 * @see RFC 5952 §4, §5
 */
export function formatIp(family: 4 | 6, words: IpWords): string {
  if (family === 4) return formatV4(words[0]);
  if (isMappedV4(words)) return `::ffff:${formatV4(words[3])}`;
  const groups = words.flatMap((word) => [word >>> 16, word & 0xffff]);
  const run = longestZeroRun(groups);
  const text = (part: number[]) => part.map((group) => group.toString(16)).join(':');
  if (run.length < 2) return text(groups);
  return `${text(groups.slice(0, run.start))}::${text(groups.slice(run.start + run.length))}`;
}

function formatV4(word: number): string {
  return [word >>> 24, (word >>> 16) & 0xff, (word >>> 8) & 0xff, word & 0xff].join('.');
}

function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  let start = 0;
  for (const [index, group] of groups.entries()) {
    if (group !== 0) start = index + 1;
    else if (index + 1 - start > best.length) best = { start, length: index + 1 - start };
  }
  return best;
}
