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

function parseV4(text: string): number | null {
  const parts = text.split('.');
  if (parts.length !== 4) return null;
  let word = 0;
  for (const part of parts) {
    if (!/^(0|[1-9][0-9]{0,2})$/.test(part) || Number(part) > 255) return null;
    word = word * 256 + Number(part);
  }
  return word;
}

function parseV6(text: string): IpWords | null {
  const halves = text.split('::');
  if (halves.length > 2) return null;
  const head = parseGroups(halves[0] ?? '', halves.length === 1);
  if (head === null) return null;
  if (halves.length === 1) return head.length === GROUPS ? toWords(head) : null;
  const tail = parseGroups(halves[1] ?? '', true);
  if (tail === null || head.length + tail.length >= GROUPS) return null;
  const gap = Array.from({ length: GROUPS - head.length - tail.length }, () => 0);
  return toWords([...head, ...gap, ...tail]);
}

/** 16-bit groups of one side of `::`; dotted IPv4 may stand only at the end of the address. */
function parseGroups(text: string, atEnd: boolean): number[] | null {
  if (text === '') return [];
  const parts = text.split(':');
  const groups: number[] = [];
  for (const [index, part] of parts.entries()) {
    if (/^[0-9a-fA-F]{1,4}$/.test(part)) {
      groups.push(Number.parseInt(part, 16));
      continue;
    }
    const word = atEnd && index === parts.length - 1 ? parseV4(part) : null;
    if (word === null) return null;
    groups.push(word >>> 16, word & 0xffff);
  }
  return groups;
}

function toWords(groups: readonly number[]): IpWords {
  const word = (index: number) => (groups[index] ?? 0) * 0x10000 + (groups[index + 1] ?? 0);
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
