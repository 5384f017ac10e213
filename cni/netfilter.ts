/**
 * What netfilter does for containers, as one table of nftables: published ports, and masquerading of what
 * leaves the overlay. The table is always replaced as a whole, in one transaction.
 *
 *     prerouting, output ─▶ ports: DNAT to the container       postrouting: hairpin, masquerade
 *
 * Loopback addresses are no addresses of published ports: the kernel would have to route 127.0.0.0/8
 * (route_localnet), which opens services that listen there to the neighbours, and has no such switch for ::1.
 *
 * @see libnftables-json(5)
 */
import { contains, formatPrefix, type Prefix, parsePrefix, wordMask } from '../dataplane/route/prefix.ts';
import type { PortMapping } from './attach-api.ts';

/** A container, for its rules. */
export interface NatAttachment {
  readonly containerId: string;
  readonly ifname: string;
  /** Addresses with prefix length. */
  readonly ips: readonly string[];
  readonly portMappings: readonly PortMapping[];
  readonly masquerade: boolean;
  /**
   * Whether containers of its prefix reach it without this host's routing, as in an L2 network: then
   * answers to its neighbours, too, find back only through an address of this host.
   */
  readonly segment: boolean;
}

/** All that a table is made from. */
export interface NatState {
  /** Name of the table, of family inet; nobody else's. */
  readonly table: string;
  readonly attachments: readonly NatAttachment[];
  /** Prefixes that the overlay carries: to them containers keep their addresses. */
  readonly overlay: readonly string[];
}

/** An object of libnftables-json, such as `{"rule": …}`. */
export type NftObject = Readonly<Record<string, Readonly<Record<string, unknown>>>>;
type Expression = Readonly<Record<string, unknown>>;

const FAMILY = 'inet';
/** Priorities of destination and source NAT. @see nft(8) */
const DSTNAT = -100;
const SRCNAT = 100;
/** The kernel takes no longer ones. @see NFTNL_UDATA_COMMENT_MAXLEN */
const MAX_COMMENT_BYTES = 127;
/** Packets to groups must keep the sender's address. */
const MULTICAST = ['224.0.0.0/4', 'ff00::/8'];
const LOOPBACK = ['127.0.0.0/8', '::1/128'];

/** The input of `nft -j -f -` that puts the table in place of the one that is there. */
export function replaceCommands(state: NatState): string {
  const table = { table: { family: FAMILY, name: state.table } };
  // A table can be deleted only when it exists.
  const commands = [
    { add: table },
    { delete: table },
    ...natObjects(state).map((object) => ({ add: object })),
  ];
  return JSON.stringify({ nftables: commands });
}

/** The input of `nft -j -f -` that leaves nothing of ours. */
export function removeCommands(table: string): string {
  const object = { table: { family: FAMILY, name: table } };
  return JSON.stringify({ nftables: [{ add: object }, { delete: object }] });
}

/** The table with all that is in it, in the order in which it must be made. */
export function natObjects(state: NatState): NftObject[] {
  const { table } = state;
  const addressed = addressedAttachments(state.attachments);
  const chain = (name: string, hook: object = {}) => ({ chain: { family: FAMILY, table, name, ...hook } });
  const hook = (name: string, prio: number) =>
    chain(name, { type: 'nat', hook: name, prio, policy: 'accept' });
  return [
    { table: { family: FAMILY, name: table } },
    ...([4, 6] as const).flatMap((family) => masqueradeSets(state, family)),
    chain('ports'),
    hook('prerouting', DSTNAT),
    hook('output', DSTNAT),
    hook('postrouting', SRCNAT),
    ...addressed.flatMap((attachment) => portRules(table, attachment)),
    rule(table, 'prerouting', '', [TO_THIS_HOST, { jump: { target: 'ports' } }]),
    ...LOOPBACK.map((prefix) => rule(table, 'output', '', [ipMatch(prefix, 'daddr'), { return: null }])),
    rule(table, 'output', '', [TO_THIS_HOST, { jump: { target: 'ports' } }]),
    ...addressed.flatMap((attachment) => hairpinRules(table, attachment)),
    ...([4, 6] as const).map((family) => masqueradeRule(table, family)),
  ];
}

const TO_THIS_HOST = match({ fib: { result: 'type', flags: ['daddr'] } }, 'local');
const IS_DNAT = match({ ct: { key: 'status' } }, 'dnat', 'in');

function match(left: object, right: unknown, op = '=='): Expression {
  return { match: { op, left, right } };
}

function rule(table: string, chain: string, comment: string, expr: readonly Expression[]): NftObject {
  return { rule: { family: FAMILY, table, chain, ...(comment === '' ? {} : { comment }), expr } };
}

/** Without those that have no address, of which there is nothing to say. */
function addressedAttachments(attachments: readonly NatAttachment[]): NatAttachment[] {
  return attachments.filter(({ ips }) => ips.length > 0);
}

/** One rule for each published port and family; ports go to the container's first address of the family. */
function portRules(table: string, attachment: NatAttachment): NftObject[] {
  return attachment.portMappings.flatMap((mapping) => {
    const comment = commentOf(`${mapping.protocol} ${mapping.hostPort}`, attachment);
    return ([4, 6] as const).flatMap((family) => {
      const ip = attachment.ips.find((candidate) => familyOf(candidate) === family);
      if (ip === undefined || !publishes(mapping, family)) return [];
      const toPort = match({ payload: { protocol: mapping.protocol, field: 'dport' } }, mapping.hostPort);
      const to = { family: protocolOf(family), addr: addressOf(ip), port: mapping.containerPort };
      return [rule(table, 'ports', comment, [hostMatch(mapping.hostIP, family), toPort, { dnat: to }])];
    });
  });
}

/** Whether a mapping is for addresses of that family. */
function publishes({ hostIP }: PortMapping, family: 4 | 6): boolean {
  return hostIP === undefined || familyOf(hostIP) === family;
}

function hostMatch(hostIP: string | undefined, family: 4 | 6): Expression {
  if (hostIP !== undefined && !isUnspecified(hostIP)) return ipMatch(hostIP, 'daddr');
  return match({ meta: { key: 'nfproto' } }, family === 4 ? 'ipv4' : 'ipv6');
}

/** Whether an address stands for all of its family. */
export function isUnspecified(ip: string): boolean {
  const { words } = parsePrefix(ip);
  return words.every((word) => word === 0);
}

/** What a container sends to itself by way of a published port must not seem to come from itself. */
function hairpinRules(table: string, attachment: NatAttachment): NftObject[] {
  if (attachment.portMappings.length === 0) return [];
  const comment = commentOf('hairpin', attachment);
  return attachment.ips.map((ip) => {
    const address = addressOf(ip);
    const from = attachment.segment ? networkOf(ip) : address;
    const expr = [IS_DNAT, ipMatch(from, 'saddr'), ipMatch(address, 'daddr'), { masquerade: null }];
    return rule(table, 'postrouting', comment, expr);
  });
}

function masqueradeSets({ table, attachments, overlay }: NatState, family: 4 | 6): NftObject[] {
  const sources = attachments
    .filter(({ masquerade }) => masquerade)
    .flatMap(({ ips }) => ips.filter((ip) => familyOf(ip) === family).map(addressOf));
  const kept = disjoint(
    [...overlay, ...MULTICAST].map(parsePrefix).filter((prefix) => prefix.family === family),
  );
  const type = family === 4 ? 'ipv4_addr' : 'ipv6_addr';
  const set = (name: string, elem: readonly unknown[], flags: object = {}) => ({
    set: {
      family: FAMILY,
      table,
      name: `${name}${family}`,
      type,
      ...flags,
      ...(elem.length > 0 ? { elem } : {}),
    },
  });
  return [
    set('masquerade', [...new Set(sources)].sort()),
    set('overlay', kept.map(formatPrefix).map(operand), { flags: ['interval'] }),
  ];
}

/** An interval set takes no prefix that is within another. */
function disjoint(prefixes: readonly Prefix[]): Prefix[] {
  const largestFirst = [...prefixes].sort((a, b) => a.length - b.length);
  const kept: Prefix[] = [];
  for (const prefix of largestFirst) {
    if (!kept.some((larger) => contains(larger, prefix))) kept.push(prefix);
  }
  return kept;
}

function masqueradeRule(table: string, family: 4 | 6): NftObject {
  const payload = (field: string) => ({ payload: { protocol: protocolOf(family), field } });
  return rule(table, 'postrouting', '', [
    match(payload('saddr'), `@masquerade${family}`),
    match(payload('daddr'), `@overlay${family}`, '!='),
    { masquerade: null },
  ]);
}

function ipMatch(prefix: string, field: 'saddr' | 'daddr'): Expression {
  const { family } = parsePrefix(prefix);
  return match({ payload: { protocol: protocolOf(family), field } }, operand(prefix));
}

/** An address, or a prefix that is more than one, in canonical form. */
function operand(text: string): unknown {
  const prefix = parsePrefix(text);
  const addr = addressOf(formatPrefix(prefix));
  return prefix.length === (prefix.family === 4 ? 32 : 128) ? addr : { prefix: { addr, len: prefix.length } };
}

function familyOf(ip: string): 4 | 6 {
  return ip.includes(':') ? 6 : 4;
}

function protocolOf(family: 4 | 6): string {
  return family === 4 ? 'ip' : 'ip6';
}

/** The address of CIDR text that may have host bits, canonical. */
function addressOf(cidr: string): string {
  const address = formatPrefix(parsePrefix(cidr.split('/', 1)[0] ?? ''));
  return address.slice(0, address.lastIndexOf('/'));
}

/** The network of an address with prefix length. */
function networkOf(cidr: string): string {
  const [address = '', length = ''] = cidr.split('/');
  const host = parsePrefix(address);
  return formatPrefix(truncate(host, Number(length)));
}

function truncate(host: Prefix, length: number): Prefix {
  const word = (index: 0 | 1 | 2 | 3) => (host.words[index] & wordMask(length, index)) >>> 0;
  return { family: host.family, words: [word(0), word(1), word(2), word(3)], length };
}

function commentOf(what: string, { containerId, ifname }: NatAttachment): string {
  return `${what} ${containerId}/${ifname}`.slice(0, MAX_COMMENT_BYTES);
}
