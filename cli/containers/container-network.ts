/** What attaching containers needs to know of an agent's network; the agent's overlay gives it. */
import { contains, formatPrefix, type Prefix, parsePrefix, wordMask } from '../../dataplane/route/prefix.ts';
import type { PoolSwitch } from '../../dataplane/worker/pool-switch.ts';

export interface ContainerNetwork {
  readonly name: string;
  readonly vni: number;
  readonly mode: 'l2' | 'l3';
  /** Its interface on the host; null where it has none. */
  readonly device: string | null;
  /** Of that interface, as configured, with prefix length. */
  readonly addresses: readonly string[];
  readonly mtuBytes: number;
  /** Prefixes behind its peers. */
  readonly peerPrefixes: readonly { readonly peer: string; readonly prefix: string }[];
  /** Null in L3. */
  readonly switch: PoolSwitch | null;
}

/** The agent's networks at this time. */
export type ContainerNetworks = () => readonly ContainerNetwork[];

export type Family = 4 | 6;

export function familyOf(ip: string): Family {
  return ip.includes(':') ? 6 : 4;
}

/** The address of CIDR text, canonical and without length. */
export function addressOf(cidr: string): string {
  const text = formatPrefix(parsePrefix(cidr.split('/', 1)[0] ?? ''));
  return text.slice(0, text.lastIndexOf('/'));
}

export function lengthOf(cidr: string): number {
  return Number(cidr.slice(cidr.lastIndexOf('/') + 1));
}

/** The network of an address with prefix length, as CIDR text without host bits. */
export function networkOf(cidr: string): string {
  const { family, words } = parsePrefix(addressOf(cidr));
  const length = lengthOf(cidr);
  const word = (index: 0 | 1 | 2 | 3) => (words[index] & wordMask(length, index)) >>> 0;
  const prefix: Prefix = { family, words: [word(0), word(1), word(2), word(3)], length };
  return formatPrefix(prefix);
}

/** Whether an address (with or without length) is in the network of another with length. */
export function isWithin(address: string, cidr: string): boolean {
  if (familyOf(address) !== familyOf(cidr)) return false;
  return contains(parsePrefix(networkOf(cidr)), parsePrefix(addressOf(address)));
}

/** Whether two texts, each with or without length, are the same address. */
export function sameAddress(a: string, b: string): boolean {
  return familyOf(a) === familyOf(b) && addressOf(a) === addressOf(b);
}
