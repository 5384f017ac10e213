/** The keys of a config's agent and peers: one zod schema, default and description each. */
import { z } from 'zod';
import { autoOr, commands, duration, field, flag, HOUR_MS, path, port, secretKey, text } from './field.ts';
import { MEMBER_FIELDS, SHARED_NETWORK_FIELDS, VNI_EXPECTED, vni } from './network-schema.ts';
import {
  parseAddress,
  parseEndpoint,
  parseInterfaceName,
  parseListen,
  parsePeerName,
} from './text-values.ts';

const DATA_PORT = 6081;
export const CONTROL_PORT = 6082;
const DEFAULT_METRICS = '127.0.0.1:6083';
const DEFAULT_REKEY_MS = 120_000;

/**
 * What an agent has once: the part of `[interface]` that stays beside `[[network]]`.
 * The rekey interval ends at 6 h because keys live four intervals and at most 24 h.
 */
export const AGENT_FIELDS = {
  name: field(text(parseInterfaceName).optional(), 'a name of 1 to 15 characters'),
  private_key_file: path(),
  private_key: secretKey(),
  listen: field(text(parseAddress).default('0.0.0.0'), 'an IPv4 or IPv6 address'),
  listen_port: port(DATA_PORT),
  control_port: port(CONTROL_PORT),
  queues: autoOr(1, 64, 'a whole number from 1 to 64'),
  control_transport: field(z.enum(['quic', 'webtransport']).default('quic'), '"quic" or "webtransport"'),
  suite: field(
    z.enum(['aes-128-gcm', 'aes-256-gcm']).default('aes-128-gcm'),
    '"aes-128-gcm" or "aes-256-gcm"',
  ),
  rekey_interval: field(
    duration(1000, 6 * HOUR_MS, '"1s" to "6h"').default(DEFAULT_REKEY_MS),
    'a duration like "2m"',
  ),
  pre_up: commands(),
  post_up: commands(),
  pre_down: commands(),
  post_down: commands(),
} as const;

/** What `[interface]` says of the one network of a config without `[[network]]`. */
export const ONLY_NETWORK_FIELDS = {
  ...SHARED_NETWORK_FIELDS,
  vni: field(vni().default(1), VNI_EXPECTED),
} as const;

/** `[interface]` of a config without `[[network]]`. */
export const INTERFACE_FIELDS = { ...AGENT_FIELDS, ...ONLY_NETWORK_FIELDS } as const;

/** `[metrics]` */
export const METRICS_FIELDS = {
  listen: field(
    z.union([z.literal(false), text(parseListen)]).default(() => parseListen(DEFAULT_METRICS)),
    'an address with a port like "127.0.0.1:6083", or false',
  ),
} as const;

/** `[log]` */
export const LOG_FIELDS = {
  level: field(
    z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
    'trace, debug, info, warn, error, fatal or silent',
  ),
} as const;

/** What a peer is in every network: the part of `[[peer]]` that stays beside `[[network]]`. */
export const HOST_FIELDS = {
  name: field(text(parsePeerName).optional(), 'a name of 1 to 63 characters'),
  public_key: field(z.string(), 'a key as text'),
  preshared_key_file: path(),
  preshared_key: secretKey(),
  endpoint: field(
    text((value) => parseEndpoint(value, DATA_PORT)).optional(),
    'a host name or an address, and maybe a port',
  ),
  control_port: port(CONTROL_PORT),
  keepalive: field(
    z.union([z.literal(false), duration(100, 24 * HOUR_MS, '"100ms" to "24h"')]).default(false),
    'a duration like "25s", or false',
  ),
  rx_rate_limit: field(z.int().min(0).max(0xffff_ffff).default(0), 'packets per second, 0 for no limit'),
  validate_source: flag(false),
  hybrid: flag(true),
  exit: field(z.enum(['udp']).optional(), '"udp"'),
} as const;

/** `[[peer]]` of a config without `[[network]]`. */
export const PEER_FIELDS = { ...HOST_FIELDS, ...MEMBER_FIELDS } as const;
