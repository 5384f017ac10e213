/** The keys of a config's networks: their ports, members, switch, relay and static entries. */
import { z } from 'zod';
import { MAX_ROUTES } from '../../controlplane/routes/ip-prefix.ts';
import { autoOr, duration, field, flag, HOUR_MS, port, text } from './field.ts';
import { parseBindAddress, parseFileMode, parseGroup, parseMac, parseUnicast } from './network-values.ts';
import {
  parseDeviceName,
  parseInterfaceAddress,
  parseNetwork,
  parsePeerName,
  parsePortName,
} from './text-values.ts';

const VXLAN_PORT = 4789;
/** Of a UDP datagram that crosses routers. */
const DEFAULT_TTL = 64;
export const DEFAULT_MAX_STATIONS = 16_384;
export const DEFAULT_MAX_STATIONS_PER_PORT = 4_096;
const MOST_STATIONS = 1_048_576;
const DEFAULT_IDLE_MS = 60_000;
export const DEFAULT_MAX_SESSIONS = 16_384;
export const DEFAULT_MAX_SESSIONS_PER_GUEST = 1_024;
/** Each has a socket of its own. */
const MOST_SESSIONS = 65_536;

export const VNI_EXPECTED = 'a whole number from 1 to 16777215';
export const vni = () => z.int().min(1).max(0xff_ffff);
const stations = () =>
  field(z.int().min(1).max(MOST_STATIONS).optional(), `a whole number from 1 to ${MOST_STATIONS}`);
const sessions = () =>
  field(z.int().min(1).max(MOST_SESSIONS).optional(), `a whole number from 1 to ${MOST_SESSIONS}`);
const prefixes = () =>
  field(z.array(text(parseNetwork)).default([]), 'a list like ["192.0.2.0/24", "2001:db8::/32"]');
const mac = () => field(text(parseMac), 'a MAC address like "02:42:ac:11:00:02"');
const peerName = () => text(parsePeerName);

/** What `[interface]` and `[[network]]` say of a network in the same words. */
export const SHARED_NETWORK_FIELDS = {
  mode: field(z.enum(['l3', 'l2']).default('l3'), '"l3" or "l2"'),
  address: field(
    z.array(text(parseInterfaceAddress)).default([]),
    'a list like ["10.77.0.1/24", "fd77::1/64"]',
  ),
  mtu: autoOr(576, 65_535, 'a whole number from 576 to 65535'),
  routes: flag(true),
  announce: field(
    z.array(text(parseNetwork)).max(MAX_ROUTES).default([]),
    `a list of at most ${MAX_ROUTES} like ["10.88.1.0/24", "fd88:1::/64"]`,
  ),
} as const;

/** `[[network]]` */
export const NETWORK_FIELDS = {
  name: field(text(parseDeviceName), 'a name of 1 to 15 characters'),
  vni: field(vni(), VNI_EXPECTED),
  interface: flag(true),
  ...SHARED_NETWORK_FIELDS,
} as const;

/** What a peer is in one network. */
export const MEMBER_FIELDS = {
  allowed_ips: field(z.array(text(parseNetwork)).default([]), 'a list like ["10.77.0.2/32", "fd77::2/128"]'),
  local_ips: field(
    z.array(text(parseNetwork)).default(() => ['0.0.0.0/0', '::/0']),
    'a list like ["0.0.0.0/0", "::/0"]',
  ),
  accept_routes: field(z.array(text(parseNetwork)).default([]), 'a list like ["10.88.0.0/16", "fd88::/48"]'),
} as const;

/** `[[network.peer]]` */
export const NETWORK_PEER_FIELDS = {
  name: field(peerName(), 'the name of a [[peer]]'),
  ...MEMBER_FIELDS,
} as const;

/** `[switch]`, `[network.switch]` */
export const SWITCH_FIELDS = {
  ageing: field(duration(1000, 24 * HOUR_MS, '"1s" to "24h"').optional(), 'a duration like "5m"'),
  max_stations: stations(),
  max_stations_per_port: stations(),
  snooping: flag(true),
  suppress: flag(true),
} as const;

/** `[relay]`, `[network.relay]` */
export const RELAY_FIELDS = {
  enabled: flag(true),
  idle_timeout: field(
    duration(1000, 24 * HOUR_MS, '"1s" to "24h"').default(DEFAULT_IDLE_MS),
    'a duration like "60s"',
  ),
  max_sessions: sessions(),
  max_sessions_per_guest: sessions(),
  resolver: field(text(parseUnicast).optional(), 'an IPv4 or IPv6 address'),
  address: field(z.array(text(parseUnicast)).default([]), 'a list like ["10.77.0.254", "fd77::fe"]'),
  deny: prefixes(),
  allow: prefixes(),
} as const;

/** `[[neighbour]]`, `[[network.neighbour]]` */
export const NEIGHBOUR_FIELDS = {
  ip: field(text(parseUnicast), 'an IPv4 or IPv6 address'),
  mac: mac(),
  peer: field(peerName().optional(), 'the name of a peer'),
} as const;

/** `[[station]]`, `[[network.station]]` */
export const STATION_FIELDS = {
  mac: mac(),
  port: field(text(parsePortName).optional(), 'the name of a port'),
  peer: field(peerName().optional(), 'the name of a peer'),
} as const;

const ANY_PORT_FIELDS = {
  type: field(z.enum(['unix', 'interface', 'vxlan']), '"unix", "interface" or "vxlan"'),
  name: field(text(parsePortName), 'a name of 1 to 63 characters'),
} as const;

/** `[[port]]`, `[[network.port]]` by their `type`. */
export const PORT_FIELDS = {
  unix: {
    ...ANY_PORT_FIELDS,
    path: field(z.string().min(1), 'the path of a socket'),
    remote: field(z.string().min(1).optional(), 'the path of a socket'),
    mode: field(text(parseFileMode).default(0o600), 'octal digits as text, like "0660"'),
    mtu: field(z.int().min(576).max(65_535).optional(), 'a whole number from 576 to 65535'),
    max_stations: stations(),
    address: field(z.array(text(parseNetwork)).default([]), 'a list like ["10.77.0.9", "fd77::9"]'),
  },
  interface: {
    ...ANY_PORT_FIELDS,
    device: field(text(parseDeviceName), 'the name of an interface of this host'),
    max_stations: stations(),
  },
  vxlan: {
    ...ANY_PORT_FIELDS,
    vni: field(vni().optional(), VNI_EXPECTED),
    listen: field(text(parseBindAddress).default('0.0.0.0'), 'an IPv4 or IPv6 address'),
    listen_port: port(VXLAN_PORT),
    remotes: field(z.array(text(parseUnicast)).default([]), 'a list like ["192.0.2.9"]'),
    group: field(text(parseGroup).optional(), 'a multicast address like "239.1.1.1"'),
    device: field(text(parseDeviceName).optional(), 'the name of an interface of this host'),
    learn_remotes: field(z.boolean().optional(), 'true or false'),
    ttl: field(z.int().min(1).max(255).default(DEFAULT_TTL), 'a whole number from 1 to 255'),
  },
} as const;

/** Tables of l2 networks alone. */
export const L2_TABLES = ['switch', 'neighbour', 'station'] as const;

/** Tables that stand in a network, and, where there is one network only, at the top. */
export const NETWORK_TABLES = ['port', 'relay', ...L2_TABLES] as const;
