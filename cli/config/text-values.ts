/** Parses the values that a config writes as text: durations, endpoints, addresses, prefixes, names. */
import { isIP } from 'node:net';
import { formatPrefix, parsePrefix } from '../../dataplane/route/prefix.ts';
import type { EndpointConfig } from './types.ts';

/** A value can't be used; `hint` is empty where the message says what to do. */
export class ValueError extends Error {
  readonly code = 'ERR_ICX_VALUE';
  readonly hint: string;

  constructor(message: string, hint = '') {
    super(message);
    this.name = 'ValueError';
    this.hint = hint;
  }
}

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** "500ms", "25s", "2m", "1h30m" as milliseconds. @throws {ValueError} */
export function parseDuration(text: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)];
  if (parts.length === 0 || parts.map(([part]) => part).join('') !== text) {
    throw new ValueError(`"${text}" is not a duration`, 'write it like "500ms", "25s", "2m" or "1h30m"');
  }
  return Math.round(
    parts.reduce((sum, [, count, unit]) => sum + Number(count) * (UNIT_MS[unit ?? ''] ?? Number.NaN), 0),
  );
}

/** Milliseconds as the shortest text that `parseDuration` reads back. */
export function formatDuration(ms: number): string {
  const unit = ['h', 'm', 's'].find((name) => ms > 0 && ms % (UNIT_MS[name] ?? 1) === 0) ?? 'ms';
  return `${ms / (UNIT_MS[unit] ?? 1)}${unit}`;
}

/** Whole number from 1 to 65535. @throws {ValueError} */
function parsePort(text: string, whole: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > 65_535) {
    throw new ValueError(`"${whole}" has no valid port`, 'a port is a number from 1 to 65535');
  }
  return port;
}

/**
 * "host", "host:port", "192.0.2.1", "192.0.2.1:port", "2001:db8::1", "[2001:db8::1]:port".
 *
 * @throws {ValueError}
 */
export function parseEndpoint(text: string, defaultPort: number): EndpointConfig {
  if (isIP(text) === 6 && !text.includes('%')) return { host: text, port: defaultPort };
  const match = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(.*))?$/.exec(text);
  if (match === null) {
    throw new ValueError(
      `"${text}" is not an endpoint`,
      'write an IPv6 address with port as "[2001:db8::1]:6081"',
    );
  }
  const [, bracketed, plain, portText] = match;
  const host = bracketed ?? plain ?? '';
  if (bracketed === undefined ? !isHost(host) : isIP(host) !== 6 || host.includes('%')) {
    throw new ValueError(
      `"${text}" is not an endpoint`,
      'expected a host name or an address, and maybe a port',
    );
  }
  return { host, port: portText === undefined ? defaultPort : parsePort(portText, text) };
}

/** Names after RFC 1123 section 2.1; all-numeric names are mistyped IPv4 addresses. */
function isHost(host: string): boolean {
  if (isIP(host) === 4) return true;
  if (host.length > 253 || /^[\d.]+$/.test(host)) return false;
  return host.split('.').every((label) => /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/i.test(label));
}

/** `formatEndpoint(parseEndpoint(text, …))` names the same place. */
export function formatEndpoint(endpoint: EndpointConfig): string {
  const host = endpoint.host.includes(':') ? `[${endpoint.host}]` : endpoint.host;
  return `${host}:${endpoint.port}`;
}

/** An IPv4 or IPv6 address without zone. @throws {ValueError} */
export function parseAddress(text: string): string {
  if (isIP(text) === 0 || text.includes('%')) {
    throw new ValueError(
      `"${text}" is not an IPv4 or IPv6 address`,
      '"0.0.0.0" and "::" stand for every address',
    );
  }
  return text;
}

/** An address to listen at: "127.0.0.1:6083", "[::1]:6083". @throws {ValueError} */
export function parseListen(text: string): EndpointConfig {
  const [, address = ''] = /^\[?(.*?)\]?:\d+$/.exec(text) ?? [];
  const found = isIP(address) === 0 ? null : parseEndpoint(text, 0);
  if (found === null || found.port === 0) {
    throw new ValueError(
      `"${text}" is not an address with a port`,
      'write it like "127.0.0.1:6083"; "0.0.0.0:6083" is every address of the host',
    );
  }
  return found;
}

/** Of an address or prefix that was read. */
export function isIpv6(address: string): boolean {
  return address.includes(':');
}

/** The address of a prefix. */
export function withoutLength(prefix: string): string {
  return prefix.slice(0, prefix.lastIndexOf('/'));
}

/** A network in CIDR text without host bits, in its canonical form. @throws {ValueError} */
export function parseNetwork(text: string): string {
  try {
    return formatPrefix(parsePrefix(text));
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    const [, message = error.message, hint = ''] =
      /^(.*?)[:;] ((?:did you mean|expected) .*)$/.exec(error.message) ?? [];
    throw new ValueError(message, hint);
  }
}

/** An interface's own address: host bits are what it is about. @throws {ValueError} */
export function parseInterfaceAddress(text: string): string {
  const [address = '', lengthText, ...rest] = text.split('/');
  const bits = isIP(address) === 6 ? 128 : 32;
  const length = lengthText === undefined ? bits : /^\d{1,3}$/.test(lengthText) ? Number(lengthText) : -1;
  if (isIP(address) === 0 || address.includes('%') || rest.length > 0 || length < 0 || length > bits) {
    throw new ValueError(
      `"${text}" is not an address with a prefix length`,
      'write it like "10.77.0.1/24" or "fd77::1/64"',
    );
  }
  const canonical = formatPrefix(parsePrefix(address));
  return `${withoutLength(canonical)}/${length}`;
}

/** The kernel's rules, narrowed to what scripts can handle unquoted (as wg-quick does). @throws {ValueError} */
export function parseDeviceName(text: string): string {
  return checkedDevice(text, '');
}

/** As `parseDeviceName`; where it came from the file's name, `[interface]` may set another. @throws {ValueError} */
export function parseInterfaceName(text: string): string {
  return checkedDevice(text, ' (set name in [interface])');
}

function checkedDevice(text: string, advice: string): string {
  if (!/^[a-zA-Z0-9_=+.][a-zA-Z0-9_=+.-]{0,14}$/.test(text) || text === '.' || text === '..') {
    throw new ValueError(
      `"${text}" can't name an interface`,
      `use 1 to 15 of the characters a-z, A-Z, 0-9, _ = + . -${advice}`,
    );
  }
  return text;
}

/** What stands in metrics, logs and on command lines. @throws {ValueError} */
export function parsePeerName(text: string): string {
  return checkedName(text, 'peer');
}

/** As a peer's name. @throws {ValueError} */
export function parsePortName(text: string): string {
  return checkedName(text, 'port');
}

function checkedName(text: string, what: string): string {
  if (!/^[^\s\p{C}]{1,63}$/u.test(text) || text.startsWith('-')) {
    throw new ValueError(
      `${JSON.stringify(text)} can't name a ${what}`,
      'use 1 to 63 characters without spaces',
    );
  }
  return text;
}
