/** Prefixes for tests of announced routes. */
import type { IpPrefix } from '../../../controlplane/routes/ip-prefix.ts';

/** The host 10.88.x.y by its number, from 0. */
export function hostPrefix(number: number): IpPrefix {
  return { family: 4, length: 32, words: [0x0a580000 + number, 0, 0, 0] };
}

/** A host of fd88::/64, which takes most room in a message. */
export function longPrefix(number: number): IpPrefix {
  return { family: 6, length: 128, words: [0xfd880000, 0, 0, number] };
}

export function hostPrefixes(count: number, from = 0): IpPrefix[] {
  return Array.from({ length: count }, (_, index) => hostPrefix(from + index));
}
