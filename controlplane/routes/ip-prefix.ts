/** Prefixes of inner addresses as the control plane passes them on: it compares them and asks no more. */

/** A range of addresses without host bits, as the data plane's parser gives them. */
export interface IpPrefix {
  readonly family: 4 | 6;
  /** Big-endian 32-bit words, unsigned; an IPv4 prefix uses the first. */
  readonly words: readonly [number, number, number, number];
  /** 0 to 32 or 0 to 128. */
  readonly length: number;
}

/** Prefixes that one host announces in one network at most. */
export const MAX_ROUTES = 4_096;

/** By {@link prefixKey}. */
export type RouteSet = ReadonlyMap<string, IpPrefix>;

/** The same for equal prefixes alone. */
export function prefixKey({ family, length, words }: IpPrefix): string {
  return `${family} ${length} ${words.join(' ')}`;
}

/** @throws {RangeError} for more than {@link MAX_ROUTES} different ones. */
export function routeSet(prefixes: Iterable<IpPrefix>): RouteSet {
  const set = new Map<string, IpPrefix>();
  for (const prefix of prefixes) set.set(prefixKey(prefix), prefix);
  if (set.size > MAX_ROUTES) {
    throw new RangeError(`Cannot announce ${set.size} prefixes: expected ${MAX_ROUTES} at most`);
  }
  return set;
}
