/** The keys of a config file: one zod schema, default and description each. */
import { z } from 'zod';
import {
  parseAddress,
  parseDuration,
  parseEndpoint,
  parseInterfaceAddress,
  parseInterfaceName,
  parseListen,
  parseNetwork,
  parsePeerName,
  ValueError,
} from './text-values.ts';

/** One key of a section. */
export interface Field<T extends z.ZodType = z.ZodType> {
  readonly schema: T;
  /** What an operator may write, to follow "expected". */
  readonly expected: string;
  /** Its value is never shown. */
  readonly secret?: boolean;
}

function field<T extends z.ZodType>(schema: T, expected: string): Field<T> {
  return { schema, expected };
}

/** Text that one of the parsers reads; its ValueError becomes the problem. */
function text<T>(parse: (text: string) => T) {
  return z.string().transform((value, context): T => {
    try {
      return parse(value);
    } catch (error) {
      if (!(error instanceof ValueError)) throw error;
      context.addIssue({ code: 'custom', message: error.message, params: { hint: error.hint } });
      return z.NEVER;
    }
  });
}

/** A duration from `minMs` to `maxMs`. */
function duration(minMs: number, maxMs: number, range: string) {
  return text((value) => {
    const ms = parseDuration(value);
    if (ms < minMs || ms > maxMs) throw new ValueError(`"${value}" is out of range`, `expected ${range}`);
    return ms;
  });
}

function secretKey(): Field<z.ZodOptional<z.ZodString>> {
  return { schema: z.string().optional(), expected: 'a key as text', secret: true };
}

const path = () => field(z.string().min(1).optional(), 'the path of a file');
const port = (standard: number) =>
  field(z.int().min(1).max(65_535).default(standard), 'a port number from 1 to 65535');
const flag = (standard: boolean) => field(z.boolean().default(standard), 'true or false');
const commands = () => field(z.array(z.string().min(1)).default([]), 'a list of shell commands');
const autoOr = (min: number, max: number, what: string) =>
  field(z.union([z.literal('auto'), z.int().min(min).max(max)]).default('auto'), `"auto" or ${what}`);

const DATA_PORT = 6081;
export const CONTROL_PORT = 6082;
const DEFAULT_METRICS = '127.0.0.1:6083';
const DEFAULT_REKEY_MS = 120_000;
const HOUR_MS = 3_600_000;

/** `[interface]`. The rekey interval ends at 6 h because keys live four intervals and at most 24 h. */
export const INTERFACE_FIELDS = {
  name: field(text(parseInterfaceName).optional(), 'a name of 1 to 15 characters'),
  private_key_file: path(),
  private_key: secretKey(),
  address: field(
    z.array(text(parseInterfaceAddress)).default([]),
    'a list like ["10.77.0.1/24", "fd77::1/64"]',
  ),
  vni: field(z.int().min(1).max(0xff_ffff).default(1), 'a whole number from 1 to 16777215'),
  listen: field(text(parseAddress).default('0.0.0.0'), 'an IPv4 or IPv6 address'),
  listen_port: port(DATA_PORT),
  control_port: port(CONTROL_PORT),
  mtu: autoOr(576, 65_535, 'a whole number from 576 to 65535'),
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
  routes: flag(true),
  pre_up: commands(),
  post_up: commands(),
  pre_down: commands(),
  post_down: commands(),
} as const;

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

/** `[[peer]]` */
export const PEER_FIELDS = {
  name: field(text(parsePeerName).optional(), 'a name of 1 to 63 characters'),
  public_key: field(z.string(), 'a key as text'),
  preshared_key_file: path(),
  preshared_key: secretKey(),
  endpoint: field(
    text((value) => parseEndpoint(value, DATA_PORT)).optional(),
    'a host name or an address, and maybe a port',
  ),
  control_port: port(CONTROL_PORT),
  allowed_ips: field(z.array(text(parseNetwork)).default([]), 'a list like ["10.77.0.2/32", "fd77::2/128"]'),
  local_ips: field(
    z.array(text(parseNetwork)).default(() => ['0.0.0.0/0', '::/0']),
    'a list like ["0.0.0.0/0", "::/0"]',
  ),
  keepalive: field(
    z.union([z.literal(false), duration(100, 24 * HOUR_MS, '"100ms" to "24h"')]).default(false),
    'a duration like "25s", or false',
  ),
  rx_rate_limit: field(z.int().min(0).max(0xffff_ffff).default(0), 'packets per second, 0 for no limit'),
  validate_source: flag(false),
  hybrid: flag(true),
} as const;

/** Sections of a file; `peer` is the only one that may come several times. */
export const SECTIONS = ['interface', 'metrics', 'log', 'peer'] as const;
