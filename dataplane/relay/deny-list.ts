/**
 * Where a relay sends nothing: who may be a stranger's guest must not reach through the host what
 * only the host may reach.
 *
 * A configured refusal comes first, then a configured permission, then what is refused by default,
 * whichever of their prefixes is the longest: so a refusal has no exception that is easily overlooked.
 * An IPv6 address that carries an IPv4 address is also refused where that one is. The agent's own
 * ports on this host stay refused whatever is permitted: they would let a guest speak as the host.
 */
import { Lpm } from '../route/lpm.ts';
import { type Prefix, parsePrefix } from '../route/prefix.ts';
import type { EndpointText } from '../wire/endpoint.ts';
import { parseIp } from '../wire/ip-text.ts';
import { embeddedV4At } from './embedded-address.ts';
import { OwnPorts } from './own-ports.ts';

/** Refused unless a configuration says otherwise. @see RFC 6890, IANA special-purpose registries */
export const DEFAULT_DENIED: readonly string[] = [
  '0.0.0.0/8', // this host, RFC 791 §3.2
  '127.0.0.0/8', // loopback
  '169.254.0.0/16', // link-local, RFC 3927
  '169.254.169.254/32', // metadata of most clouds
  '100.100.100.200/32', // of Alibaba
  '168.63.129.16/32', // of Azure
  '192.0.0.192/32', // of Oracle
  '224.0.0.0/4', // multicast
  '240.0.0.0/4', // reserved, and the broadcast address
  '::/96', // unspecified, loopback, IPv4-compatible, RFC 4291 §2.5
  '::ffff:0:0/96', // IPv4-mapped: never on the wire, and a socket would send IPv4
  '64:ff9b:1::/48', // local-use NAT64, whose form is not known, RFC 8215
  '2001::/32', // Teredo, which hides the IPv4 addresses of either end, RFC 4380
  'fe80::/10', // link-local
  'fec0::/10', // site-local, RFC 3879
  'ff00::/8', // multicast
  'fd00:ec2::254/128', // metadata of Amazon
  'fd20:ce::254/128', // of Google
  'fd00:42::42/128', // of Scaleway
];

export interface DenyRules {
  /** Prefixes to refuse, in CIDR text. */
  readonly deny?: readonly string[];
  /** Prefixes to permit. */
  readonly allow?: readonly string[];
  /** The overlay's own prefixes: what is in there is reached through the overlay, or not at all. */
  readonly overlay?: readonly string[];
  /** This host's addresses, and the broadcast addresses of its networks. */
  readonly hostAddresses?: readonly string[];
  /** UDP ports of the agent; an address of 0.0.0.0 or :: stands for all of this host. */
  readonly ownPorts?: readonly EndpointText[];
}

const ALL_LENGTHS = 128;

/** Not to be changed: who has another one asks that one. */
export class DenyList {
  /** What the configuration says, then what is refused unless it says otherwise. */
  readonly #deny = { v4: new Lpm<boolean>(4), v6: new Lpm<boolean>(6) };
  readonly #allow = { v4: new Lpm<boolean>(4), v6: new Lpm<boolean>(6) };
  readonly #defaults = { v4: new Lpm<boolean>(4), v6: new Lpm<boolean>(6) };
  readonly #ownPorts: OwnPorts;

  /** @throws {RangeError} for a text that is no prefix, address or port. */
  constructor({ deny = [], allow = [], overlay = [], hostAddresses = [], ownPorts = [] }: DenyRules = {}) {
    addAll(this.#defaults, [...DEFAULT_DENIED, ...overlay, ...hostAddresses.map(hostPrefix)]);
    addAll(this.#allow, allow);
    addAll(this.#deny, deny);
    this.#ownPorts = new OwnPorts(ownPorts, hostAddresses);
  }

  /**
   * Whether nothing may be sent there. Allocates nothing.
   *
   * @param addressAt Offset of 4 or 16 bytes.
   */
  isDenied(family: 4 | 6, view: DataView, addressAt: number, port: number): boolean {
    if (this.#ownPorts.has(family, view, addressAt, port)) return true;
    if (family === 4) return this.#isDenied4(view, addressAt);
    if (this.#isDenied6(view, addressAt)) return true;
    const v4At = embeddedV4At(view, addressAt);
    if (v4At < 0) return false;
    return this.#ownPorts.has(4, view, v4At, port) || this.#isDenied4(view, v4At);
  }

  #isDenied4(view: DataView, addressAt: number): boolean {
    if (this.#deny.v4.lookup(view, addressAt, ALL_LENGTHS) === true) return true;
    if (this.#allow.v4.lookup(view, addressAt, ALL_LENGTHS) === true) return false;
    return this.#defaults.v4.lookup(view, addressAt, ALL_LENGTHS) === true;
  }

  #isDenied6(view: DataView, addressAt: number): boolean {
    if (this.#deny.v6.lookup(view, addressAt, ALL_LENGTHS) === true) return true;
    if (this.#allow.v6.lookup(view, addressAt, ALL_LENGTHS) === true) return false;
    return this.#defaults.v6.lookup(view, addressAt, ALL_LENGTHS) === true;
  }
}

/** Prefixes of both families. */
interface PrefixSet {
  readonly v4: Lpm<boolean>;
  readonly v6: Lpm<boolean>;
}

function addAll(set: PrefixSet, prefixes: readonly string[]): void {
  for (const text of prefixes) {
    const prefix: Prefix = parsePrefix(text);
    (prefix.family === 4 ? set.v4 : set.v6).insert(prefix, true);
  }
}

function hostPrefix(address: string): string {
  if (parseIp(address) === null) throw new RangeError(`Cannot refuse host address '${address}': it is none`);
  return address;
}
