/** `icx status` for people, laid out as `wg show` is. */
import pc from 'picocolors';
import { columns } from './columns.ts';
import { formatAge, formatBytes, formatLatency, plural, printable } from './format.ts';
import type { NetworkStatus, PeerStatus, SaStatus, Status } from './status-schema.ts';
import { type Colors, indent, rows } from './text-blocks.ts';

/** @returns several lines, the last one ended. */
export function renderStatus(status: Status, colors: boolean): string {
  const c = pc.createColors(colors);
  const sections = [interfaceLines(status, c), ...networkSections(status, c), dropLines(status, c)];
  return `${sections.map((lines) => lines.join('\n')).join('\n\n')}\n`;
}

/** Each network with its peers; one L3 network is told by the interface itself. */
function networkSections(status: Status, c: Colors): string[][] {
  const networks = ownNetworks(status);
  const named = new Set(networks.map(({ name }) => name));
  const peers = (wanted: (peer: PeerStatus) => boolean) =>
    status.peers.filter(wanted).map((peer) => peerLines(peer, c));
  return [
    ...networks.flatMap((network) => [
      networkLines(network, networks.length === 1 ? mtu(status.interface) : String(network.mtu), c),
      ...peers((peer) => peer.network === network.name),
    ]),
    ...peers(({ network }) => network === undefined || !named.has(network)),
  ];
}

/** Networks that have something to tell that the interface has not. */
function ownNetworks({ networks = [] }: Status): readonly NetworkStatus[] {
  const isTelling = ({ mode, interface: device, relay, attachments = 0 }: NetworkStatus) =>
    mode === 'l2' || device === null || (relay ?? null) !== null || attachments > 0;
  return networks.length > 1 || networks.some(isTelling) ? networks : [];
}

/** @param mtuText What is said about its MTU: a reason is known of the only network's. */
function networkLines(network: NetworkStatus, mtuText: string, c: Colors): string[] {
  const isL2 = network.mode === 'l2';
  return [
    `${c.green(c.bold('network'))}: ${c.green(printable(network.name))}`,
    ...rows(c, [
      ['vni', String(network.vni)],
      ['mode', network.mode],
      ['interface', network.interface ?? '(none)'],
      ['addresses', network.addresses.join(', ') || '(none)'],
      ['mtu', mtuText],
      ['ports', isL2 || network.ports > 0 ? String(network.ports) : null],
      ['stations', isL2 ? `${network.stations} of at most ${network.max_stations}` : null],
      ['relay', relayText(network)],
      ['containers', (network.attachments ?? 0) > 0 ? String(network.attachments) : null],
      ['neighbours', isL2 || network.neighbours > 0 ? String(network.neighbours) : null],
    ]),
  ];
}

function relayText({ relay = null }: NetworkStatus): string | null {
  return relay === null ? null : `${relay.sessions} of at most ${plural(relay.max_sessions, 'session')}`;
}

function interfaceLines(status: Status, c: Colors): string[] {
  const own = status.interface;
  const alone = ownNetworks(status).length === 0;
  return [
    `${c.green(c.bold('interface'))}: ${c.green(own.name)}`,
    ...rows(c, [
      ['public key', own.public_key],
      ['vni', alone ? String(own.vni) : null],
      ['addresses', alone ? own.addresses.join(', ') || '(none)' : null],
      ['listening', `${own.listen}, data ${own.listen_port}, control ${own.control_port}`],
      ['control', control(own.control)],
      ['mtu', alone ? mtu(own) : null],
      ['queues', String(own.queues)],
      ['crypto', own.aead],
      ['offloads', offloads(own.offloads)],
      ['up for', `${formatAge(status.uptime_seconds)} (pid ${status.pid}, icx ${status.icx_version})`],
    ]),
  ];
}

/** The carrier is news only where there is more than one for a transport. */
function control({ transport, carrier }: Status['interface']['control']): string {
  return carrier.toLowerCase() === transport ? carrier : `${transport} (${carrier})`;
}

function mtu({ mtu: bytes, offloads: { [MTU_REASON]: reason } }: Status['interface']): string {
  return typeof reason === 'string' && reason !== '' ? `${bytes} (${reason})` : String(bytes);
}

/** Stands among the offloads, but explains the MTU. */
const MTU_REASON = 'mtu_reason';

function offloads(values: Status['interface']['offloads']): string {
  const shown = Object.entries(values).filter(([name, value]) => value !== false && name !== MTU_REASON);
  return shown.map(([name, value]) => (value === true ? name : `${name} ${value}`)).join(', ') || '(none)';
}

function peerLines(peer: PeerStatus, c: Colors): string[] {
  const { transfer } = peer;
  const state = peer.state === 'up' ? c.green(peer.state) : c.yellow(peer.state);
  const why = reason(peer);
  return [
    `${c.yellow(c.bold('peer'))}: ${c.yellow(printable(peer.name))}`,
    ...rows(c, [
      ['public key', peer.public_key],
      ['state', why === null ? state : `${state} (${printable(why)})`],
      ['endpoint', peer.endpoint ?? '(not known yet)'],
      ['allowed ips', peer.allowed_ips.join(', ') || '(none)'],
      ['announced ips', announced(peer)],
      ['latest handshake', handshake(peer)],
      ['transfer', `${formatBytes(transfer.rx_bytes)} received, ${formatBytes(transfer.tx_bytes)} sent`],
      ['path', path(peer)],
    ]),
    ...saLines(peer, c),
  ];
}

/** Of containers there may be thousands. */
const MAX_ANNOUNCED = 16;

function announced({ announced_ips: prefixes = [] }: PeerStatus): string | null {
  if (prefixes.length === 0) return null;
  const more = prefixes.length - MAX_ANNOUNCED;
  return `${prefixes.slice(0, MAX_ANNOUNCED).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

/** Why a peer is not up. */
function reason({ state, last_error: error, endpoint }: PeerStatus): string | null {
  if (error === null && state === 'waiting' && endpoint === null) {
    return 'for the peer to dial: it has no endpoint here';
  }
  return error;
}

function handshake(peer: PeerStatus): string {
  if (peer.handshake === null) return '(never)';
  const kind = peer.hybrid === true ? 'X25519 and ML-KEM-768' : 'X25519';
  const age = peer.handshake.age_seconds < 1 ? 'now' : `${formatAge(peer.handshake.age_seconds)} ago`;
  return `${age}, took ${formatLatency(peer.handshake.duration_seconds)}, ${kind}, ${peer.suite}`;
}

function path(peer: PeerStatus): string | null {
  const parts = [
    peer.rtt_seconds === null ? null : `rtt ${formatLatency(peer.rtt_seconds)}`,
    peer.path_mtu_bytes === null ? null : `mtu ${peer.path_mtu_bytes}`,
  ].filter((part) => part !== null);
  return parts.length === 0 ? null : parts.join(', ');
}

function saLines(peer: PeerStatus, c: Colors): string[] {
  const { rx, tx } = peer.sas;
  if (rx.length + tx.length === 0) return [];
  const head = ['', 'spi', 'lane', 'age', 'packets', 'budget used'];
  const table = [
    ...rx.map((sa) => ['rx', ...saCells(sa), '']),
    ...tx.map((sa) => ['tx', ...saCells(sa), `${(sa.budget_used_ratio * 100).toFixed(2)} %`]),
  ];
  return [`  ${c.bold('security associations')}:`, ...indent(columns(head, table, c))];
}

function saCells({ spi, lane, age_seconds: age, packets }: SaStatus): string[] {
  return [spi, String(lane), formatAge(age), String(packets)];
}

/** Reasons that never happened are left out. */
function dropLines(status: Status, c: Colors): string[] {
  const dropped = (['rx', 'tx'] as const).flatMap((direction) =>
    Object.entries(status.drops[direction])
      .filter(([, packets]) => packets > 0)
      .map(([why, packets]) => [direction, why, String(packets)]),
  );
  const { rx, tx } = status.totals;
  const totals = rows(c, [
    ['rx', `${rx.received} received, ${rx.delivered} delivered`],
    ['tx', `${tx.received} received, ${tx.delivered} delivered`],
  ]);
  const table = columns(['', 'reason', 'packets'], dropped, c);
  const drops =
    dropped.length === 0 ? [`  ${c.bold('drops')}: none`] : [`  ${c.bold('drops')}:`, ...indent(table)];
  return [c.bold('packets:'), ...totals, ...drops];
}
