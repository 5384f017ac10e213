/** Ranges of addresses to choose from: read from a configuration, and walked through. */
import { formatIp, type IpAddress, parseIp } from '../../dataplane/wire/ip-text.ts';
import { CniCode, CniError } from '../cni-error.ts';
import { type Fields, invalid } from '../fields.ts';

/** Addresses are numbers of 32 or 128 bits. */
export interface AddressRange {
  readonly family: 4 | 6;
  /** Network in CIDR text. */
  readonly subnet: string;
  /** Bits of its prefix, which every address gets. */
  readonly length: number;
  readonly network: bigint;
  /** The last address of the subnet: of an IPv4 one the broadcast address. */
  readonly last: bigint;
  /** First and last address to give away. */
  readonly start: bigint;
  readonly end: bigint;
  readonly gateway: bigint;
}

/** Ranges of one family, of which a container gets one address. */
export type RangeSet = readonly AddressRange[];

export const RANGE_KEYS: ReadonlySet<string> = new Set(['subnet', 'rangeStart', 'rangeEnd', 'gateway']);

/** @throws {CniError} 7 */
export function readRange(fields: Fields): AddressRange {
  const text = fields.required('subnet', fields.cidr('subnet'));
  const [address = '', lengthText = ''] = text.split('/');
  const { family, value: network } = parsed(address);
  const bits = family === 4 ? 32 : 128;
  const length = Number(lengthText);
  const hostMask = (1n << BigInt(bits - length)) - 1n;
  if ((network & hostMask) !== 0n) {
    const meant = `${formatAddress(family, network & ~hostMask)}/${length}`;
    throw invalid(`${fields.path}.subnet`, text, `a network without host bits: did you mean ${meant}?`);
  }
  if (bits - length < 2)
    throw invalid(`${fields.path}.subnet`, text, `a prefix length of at most ${bits - 2}`);
  const last = network | hostMask;
  const inside = (key: 'rangeStart' | 'rangeEnd' | 'gateway', fallback: bigint): bigint => {
    const ip = fields.ip(key);
    if (ip === undefined) return fallback;
    const found = parsed(ip);
    if (found.family === family && found.value >= network && found.value <= last) return found.value;
    throw invalid(`${fields.path}.${key}`, ip, `an address of ${text}`);
  };
  const start = inside('rangeStart', network + 1n);
  const end = inside('rangeEnd', family === 4 ? last - 1n : last);
  if (start > end) {
    throw invalid(
      `${fields.path}.rangeEnd`,
      formatAddress(family, end),
      'an address that is not before rangeStart',
    );
  }
  return {
    family,
    subnet: text,
    length,
    network,
    last,
    start,
    end,
    gateway: inside('gateway', network + 1n),
  };
}

/** @throws {CniError} 7 when ranges overlap, or those of a set are of two families. */
export function checkRangeSets(sets: readonly RangeSet[]): void {
  for (const [index, set] of sets.entries()) {
    if (set.length === 0) throw invalid(`ipam.ranges[${index}]`, [], 'at least one range');
    if (set.some((range) => range.family !== set[0]?.family)) {
      throw new CniError(CniCode.invalidConfig, `ipam.ranges[${index}] mixes IPv4 and IPv6`);
    }
  }
  const all = sets.flat();
  for (const [index, a] of all.entries()) {
    const b = all.slice(index + 1).find((other) => overlap(a, other));
    if (b === undefined) continue;
    throw new CniError(
      CniCode.invalidConfig,
      `two ranges of ipam overlap: ${describe(a)} and ${describe(b)}`,
    );
  }
}

function overlap(a: AddressRange, b: AddressRange): boolean {
  return a.family === b.family && a.start <= b.end && b.start <= a.end;
}

function describe({ family, start, end }: AddressRange): string {
  return `${formatAddress(family, start)}-${formatAddress(family, end)}`;
}

/** Whether a container may have the address: not the network's own, nor gateway or broadcast. */
export function isAssignable(range: AddressRange, address: bigint): boolean {
  if (address < range.start || address > range.end || address === range.gateway) return false;
  // The lowest address of an IPv6 network is the routers' anycast address, RFC 4291 §2.6.1.
  return address !== range.network && (range.family === 6 || address !== range.last);
}

/**
 * The assignable addresses of a set, each once, beginning behind `after`.
 *
 * @param after The address that was given away last; null begins at the first.
 */
export function* walk(
  set: RangeSet,
  after: bigint | null,
): Generator<{ readonly range: AddressRange; readonly address: bigint }> {
  const at = after === null ? -1 : set.findIndex((range) => after >= range.start && after <= range.end);
  const first = set[at];
  if (after === null || first === undefined) {
    for (const range of set) yield* between(range, range.start, range.end);
    return;
  }
  yield* between(first, after + 1n, first.end);
  for (const range of [...set.slice(at + 1), ...set.slice(0, at)])
    yield* between(range, range.start, range.end);
  yield* between(first, first.start, after);
}

function* between(range: AddressRange, from: bigint, to: bigint) {
  for (let address = from; address <= to; address++) {
    if (isAssignable(range, address)) yield { range, address };
  }
}

export function formatAddress(family: 4 | 6, value: bigint): string {
  const word = (index: number) => Number((value >> BigInt((3 - index) * 32)) & 0xffff_ffffn);
  return family === 4
    ? formatIp(4, [Number(value), 0, 0, 0])
    : formatIp(6, [word(0), word(1), word(2), word(3)]);
}

/** @returns null when the text is no address. */
export function parseAddress(text: string): { family: 4 | 6; value: bigint } | null {
  const ip = parseIp(text);
  return ip === null ? null : { family: ip.family, value: toNumber(ip) };
}

function parsed(text: string): { family: 4 | 6; value: bigint } {
  const found = parseAddress(text);
  if (found === null) throw new RangeError(`'${text}' is no IP address`);
  return found;
}

function toNumber({ family, words }: IpAddress): bigint {
  if (family === 4) return BigInt(words[0]);
  return words.reduce((value, word) => (value << 32n) | BigInt(word), 0n);
}
