/**
 * The addresses that are this host's own, as its kernel sees them: without iproute2 and without privileges.
 *
 * An interface without a carrier has addresses too, which getifaddrs(3) as Node asks it leaves out.
 */
import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';

export interface HostAddresses {
  /** Addresses of interfaces, and the broadcast addresses of their networks. */
  readonly addresses: readonly string[];
  /** Prefixes in CIDR text, all of whose addresses the host takes for its own. */
  readonly prefixes: readonly string[];
}

/** Routes of IPv4, those to this host among them. @see Documentation/networking/fib_trie.rst */
const FIB_TRIE = '/proc/net/fib_trie';
/** Addresses of interfaces, and those that routers of a network have in common. */
const IPV6_FILES = ['/proc/net/if_inet6', '/proc/net/anycast6'] as const;

/** In order, each once. */
export function hostAddresses(): HostAddresses {
  const { addresses, prefixes } = parseFibTrie(read(FIB_TRIE));
  const known = Object.values(networkInterfaces()).flatMap((list = []) => list.map(({ address }) => address));
  const found = [...addresses, ...IPV6_FILES.flatMap((file) => parseIpv6(read(file))), ...known];
  return { addresses: [...new Set(found.map(withoutZone))].sort(), prefixes };
}

/** Every address stands on a line of its own, in front of what is known of it. */
export function parseFibTrie(text: string): HostAddresses {
  const addresses = new Set<string>();
  const prefixes = new Set<string>();
  let address = '';
  for (const line of text.split('\n')) {
    address = /^\s*\|-- (\S+)$/.exec(line)?.[1] ?? address;
    const [, length, type] = /^\s*\/(\d+) \S+ (LOCAL|BROADCAST)\b/.exec(line) ?? [];
    if (length === '32') addresses.add(address);
    else if (type === 'LOCAL') prefixes.add(`${address}/${length}`);
  }
  return { addresses: [...addresses], prefixes: [...prefixes].sort() };
}

/** An address is 32 hexadecimal digits there. */
export function parseIpv6(text: string): string[] {
  const found = [...text.matchAll(/(?<=^|\s)[0-9a-f]{32}(?=\s)/gm)];
  return found.map(([digits]) => digits.replace(/.{4}(?!$)/g, '$&:').replace(/(^|:)0{1,3}/g, '$1'));
}

/** Of a file that a kernel may lack. */
function read(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return '';
  }
}

function withoutZone(address: string): string {
  return address.split('%')[0] ?? address;
}
