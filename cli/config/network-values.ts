/** Parses the values that networks and ports write as text: MAC addresses, groups, sockets, modes. */
import { isIP } from 'node:net';
import { resolve } from 'node:path';
import { formatPrefix, parsePrefix } from '../../dataplane/route/prefix.ts';
import { parseAddress, ValueError, withoutLength } from './text-values.ts';

/** sun_path holds 108 bytes, the last of which is zero. @see unix(7) */
const MAX_SOCKET_PATH_BYTES = 107;
const GROUP_BIT = 0x01;

/** @returns lower case. @throws {ValueError} where it is none, or none that one station can have. */
export function parseMac(text: string): string {
  if (!/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(text)) {
    throw new ValueError(`"${text}" is not a MAC address`, 'write it like "02:42:ac:11:00:02"');
  }
  if ((Number.parseInt(text.slice(0, 2), 16) & GROUP_BIT) !== 0) {
    throw new ValueError(`${text} is the MAC address of a group`, 'expected that of one station');
  }
  if (/^[0:]+$/.test(text)) throw new ValueError(`${text} is no station's MAC address`);
  return text.toLowerCase();
}

/** The one text that addresses have in kernel and status. @see RFC 5952 */
function canonical(address: string): string {
  return withoutLength(formatPrefix(parsePrefix(address)));
}

function isMulticast(address: string): boolean {
  if (isIP(address) === 6) return /^ff/i.test(address);
  const first = Number(address.split('.', 1)[0]);
  return first >= 224 && first <= 239;
}

/** Of a host; in canonical form. @throws {ValueError} for groups, broadcast and "any" too. */
export function parseUnicast(text: string): string {
  const address = canonical(parseAddress(text));
  if (isMulticast(address)) throw new ValueError(`${text} is a multicast address`, "expected a host's");
  if (address === '::' || /^(0|24\d|25\d)\./.test(address)) {
    throw new ValueError(`${text} is not the address of a host`);
  }
  return address;
}

/** An address to bind, "0.0.0.0" and "::" among them; in canonical form. @throws {ValueError} */
export function parseBindAddress(text: string): string {
  const address = canonical(parseAddress(text));
  if (isMulticast(address)) throw new ValueError(`cannot listen on multicast address ${text}`, 'use group');
  return address;
}

/** A multicast address in canonical form. @throws {ValueError} @see RFC 5771, RFC 4291 section 2.7 */
export function parseGroup(text: string): string {
  const address = canonical(parseAddress(text));
  if (!isMulticast(address)) {
    throw new ValueError(`${text} is not a multicast address`, 'write one like "239.1.1.1", or use remotes');
  }
  return address;
}

/** Permission bits from octal text. @throws {ValueError} */
export function parseFileMode(text: string): number {
  if (!/^0?[0-7]{3}$/.test(text)) {
    throw new ValueError(`"${text}" is not a file mode`, 'write it in octal, like "0660"');
  }
  return Number.parseInt(text, 8);
}

/** @returns the absolute path of a Unix socket; `text` is relative to `dir`. @throws {ValueError} */
export function parseSocketPath(text: string, dir: string): string {
  const path = resolve(dir, text);
  if (path.includes('\0')) throw new ValueError('a path cannot hold a zero byte');
  const length = Buffer.byteLength(path);
  if (length <= MAX_SOCKET_PATH_BYTES) return path;
  throw new ValueError(
    `socket ${path} is ${length} bytes long`,
    `the path of a socket has at most ${MAX_SOCKET_PATH_BYTES}`,
  );
}
