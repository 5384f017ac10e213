/** The schema of `icx status --json`: a published format, version 1. It has no place for a secret. */
import { z } from 'zod';

const count = () => z.number().min(0);
const seconds = () => z.number().min(0);
const instant = () => z.iso.datetime().describe('RFC 3339, UTC');
const spi = () =>
  z
    .string()
    .regex(/^[0-9a-f]{8}$/)
    .describe('8 hexadecimal digits');

const SA = z.object({
  spi: spi(),
  lane: z.int().min(0).describe('queue number of the sender'),
  age_seconds: seconds(),
  packets: count().describe('frames accepted (rx) or sealed (tx) under this SA'),
});

const TX_SA = SA.extend({
  budget_used_ratio: z.number().min(0).max(1).describe('share of the AEAD budget that is used'),
});

const HANDSHAKE = z.object({ at: instant(), age_seconds: seconds(), duration_seconds: seconds() });

export const PEER_STATE = ['up', 'connecting', 'waiting', 'down'] as const;

const PEER = z.object({
  name: z.string(),
  public_key: z.string(),
  state: z.enum(PEER_STATE).describe('waiting: for the next attempt, or for the peer to dial us'),
  endpoint: z.string().nullable().describe('underlay address and port that frames are sent to'),
  allowed_ips: z.array(z.string()),
  // Agents that ran before an update don't say.
  announced_ips: z
    .array(z.string())
    .optional()
    .describe('prefixes that the peer announces and that count as its allowed_ips'),
  hybrid: z.boolean().nullable().describe('ML-KEM-768 in the last handshake; null before the first'),
  suite: z.string(),
  handshake: HANDSHAKE.nullable().describe('the last one that completed'),
  rtt_seconds: seconds().nullable(),
  path_mtu_bytes: z.int().nullable().describe('largest inner packet that the path takes'),
  transfer: z.object({
    rx_packets: count(),
    rx_bytes: count(),
    tx_packets: count(),
    tx_bytes: count(),
  }),
  sas: z.object({ rx: z.array(SA), tx: z.array(TX_SA) }),
  last_rx_at: instant().nullable().describe('last authenticated packet'),
  last_error: z.string().nullable(),
  // Agents that ran before an update don't say.
  network: z.string().optional().describe('name of the network that this membership is of'),
  vni: z.int().optional(),
});

const NETWORK = z.object({
  name: z.string(),
  vni: z.int(),
  mode: z.enum(['l3', 'l2']),
  interface: z.string().nullable().describe('its device on this host; null where it has ports alone'),
  mtu: z.int(),
  addresses: z.array(z.string()),
  ports: z.int().min(0).describe('beside the device and the peers'),
  stations: z.int().min(0).describe('entries of the forwarding database; 0 in l3'),
  max_stations: z.int().min(0).describe('0 in l3'),
  neighbours: z.int().min(0).describe('IP addresses whose MAC address is known'),
  // Agents that ran before an update don't say.
  relay: z
    .object({ sessions: z.int().min(0), max_sessions: z.int().min(0) })
    .nullable()
    .optional()
    .describe('the UDP relay of the network; null where it has none'),
  attachments: z.int().min(0).optional().describe('containers that are attached to it'),
});

const INTERFACE = z.object({
  name: z.string(),
  public_key: z.string(),
  vni: z.int(),
  addresses: z.array(z.string()),
  listen: z.string(),
  listen_port: z.int(),
  control_port: z.int(),
  mtu: z.int(),
  queues: z.int(),
  control: z.object({
    transport: z.enum(['quic', 'webtransport']),
    carrier: z.string().describe('what really runs: "QUIC", "HTTP/3 over QUIC", "HTTP/2 over TCP"'),
  }),
  aead: z.string().describe('the implementation that seals and opens'),
  offloads: z.record(z.string(), z.union([z.boolean(), z.string()])),
});

const DIRECTION = z.object({
  received: count().describe('rx: frames from the underlay but keepalives; tx: packets from the interface'),
  delivered: count().describe('received = delivered + the sum of drops'),
  keepalives: count(),
});

const DROPS = z.record(z.string(), count());

export const STATUS = z.object({
  version: z.literal(1),
  icx_version: z.string(),
  pid: z.int(),
  uptime_seconds: seconds(),
  interface: INTERFACE,
  peers: z.array(PEER).describe('a peer in several networks stands here once for each'),
  networks: z.array(NETWORK).optional(),
  totals: z.object({ rx: DIRECTION, tx: DIRECTION }),
  drops: z.object({ rx: DROPS, tx: DROPS }).describe('packets by reason'),
});

export type Status = z.infer<typeof STATUS>;
export type PeerStatus = Status['peers'][number];
export type NetworkStatus = z.infer<typeof NETWORK>;
export type SaStatus = PeerStatus['sas']['rx'][number];
export type TxSaStatus = PeerStatus['sas']['tx'][number];

/** How an SPI is written everywhere an operator sees it. */
export function formatSpi(spi: number): string {
  return (spi >>> 0).toString(16).padStart(8, '0');
}

/** JSON Schema (draft 2020-12) of the status. */
export function statusJsonSchema(): object {
  return { title: 'icx status', ...z.toJSONSchema(STATUS) };
}
