/**
 * Outer addresses: a 20-byte record that holds either family, and the kernel's sockaddr.
 *
 *     0  IPv6 address, IPv4 as ::ffff:a.b.c.d   16 bytes, big endian
 *    16  UDP port                                2 bytes, big endian
 *    18  zero                                    2 bytes
 *
 * One form for both families makes comparing and learning an endpoint five word compares,
 * whichever family the socket has. In memory of its own a record is five words (Uint32Array),
 * each the big-endian value. Zones of link-local addresses are not kept.
 */

import { formatIp, type IpWords, isMappedV4, mapV4, parseIp } from './ip-text.ts';

export const ENDPOINT_LEN = 20;
export const ENDPOINT_WORDS = 5;

/** Address families of Linux. */
export const AF_INET = 2;
export const AF_INET6 = 10;
/** Bytes of sockaddr_in and sockaddr_in6; the latter has room for both. */
export const SOCKADDR_IN_LEN = 16;
export const SOCKADDR_IN6_LEN = 28;

/** Byte offsets in struct sockaddr_in and sockaddr_in6. @see Linux ip(7), ipv6(7) */
const SockaddrAt = { family: 0, port: 2, address4: 4, flowInfo6: 4, address6: 8, scopeId6: 24 } as const;
/** The family is in host order; Node runs on little-endian Linux only where this project does. */
const LITTLE_ENDIAN = true;
const MAPPED_PREFIX = 0xffff;

/** An address and port as people write them. */
export interface EndpointText {
  readonly address: string;
  readonly port: number;
}

/**
 * Reads an endpoint into a record's five words.
 *
 * @throws {RangeError} The address is no IP address (host names are resolved elsewhere) or the
 *                      port not 1 to 65535.
 */
export function parseEndpoint(endpoint: EndpointText): Uint32Array {
  const ip = parseIp(endpoint.address);
  if (ip === null) {
    throw new RangeError(
      `Cannot use endpoint address '${endpoint.address}': expected an IPv4 or IPv6 address`,
    );
  }
  if (!Number.isInteger(endpoint.port) || endpoint.port < 1 || endpoint.port > 65_535) {
    throw new RangeError(`Cannot use endpoint port ${endpoint.port}: expected 1 to 65535`);
  }
  const address = ip.family === 4 ? mapV4(ip.words[0]) : ip.words;
  return Uint32Array.of(...address, endpoint.port << 16);
}

/** Text of a record: canonical IPv6, or dotted IPv4 for mapped addresses. */
export function formatEndpoint(words: Uint32Array): EndpointText {
  const [a = 0, b = 0, c = 0, d = 0, port = 0] = words;
  const address: IpWords = [a, b, c, d];
  const text = isMappedV4(address) ? formatIp(4, [d, 0, 0, 0]) : formatIp(6, address);
  return { address: text, port: port >>> 16 };
}

/** Whether the record at `at` is the one in `words`. */
export function equalsEndpoint(view: DataView, at: number, words: Uint32Array): boolean {
  return (
    view.getUint32(at + 12) === words[3] &&
    view.getUint32(at + 16) === words[4] &&
    view.getUint32(at + 8) === words[2] &&
    view.getUint32(at + 4) === words[1] &&
    view.getUint32(at) === words[0]
  );
}

/** Copies the record at `at` into five words. */
export function readEndpoint(view: DataView, at: number, words: Uint32Array): void {
  for (let i = 0; i < ENDPOINT_WORDS; i++) words[i] = view.getUint32(at + i * 4);
}

/** Writes five words as the record at `at`. */
export function writeEndpoint(view: DataView, at: number, words: Uint32Array): void {
  for (let i = 0; i < ENDPOINT_WORDS; i++) view.setUint32(at + i * 4, words[i] ?? 0);
}

/**
 * Reads the sockaddr that the kernel wrote and writes the record at `recordAt`.
 *
 * @returns false, and nothing written, for a family other than IPv4 or IPv6.
 */
export function readSockaddr(view: DataView, sockaddrAt: number, recordAt: number): boolean {
  const family = view.getUint16(sockaddrAt + SockaddrAt.family, LITTLE_ENDIAN);
  const port = view.getUint16(sockaddrAt + SockaddrAt.port);
  if (family === AF_INET) {
    view.setUint32(recordAt, 0);
    view.setUint32(recordAt + 4, 0);
    view.setUint32(recordAt + 8, MAPPED_PREFIX);
    view.setUint32(recordAt + 12, view.getUint32(sockaddrAt + SockaddrAt.address4));
  } else if (family === AF_INET6) {
    for (let i = 0; i < 16; i += 4) {
      view.setUint32(recordAt + i, view.getUint32(sockaddrAt + SockaddrAt.address6 + i));
    }
  } else {
    return false;
  }
  view.setUint32(recordAt + 16, port << 16);
  return true;
}

/**
 * Writes the sockaddr that sends to an endpoint.
 *
 * @param socketFamily AF_INET, or AF_INET6 for an IPv6 socket, which takes IPv4 endpoints in
 *                     mapped form when it is dual-stack.
 * @returns Its length; 0, and nothing written, for an IPv6 endpoint on an IPv4 socket.
 */
export function writeSockaddr(
  view: DataView,
  sockaddrAt: number,
  words: Uint32Array,
  socketFamily: number,
): number {
  const port = (words[4] ?? 0) >>> 16;
  if (socketFamily === AF_INET) {
    if (words[0] !== 0 || words[1] !== 0 || words[2] !== MAPPED_PREFIX) return 0;
    view.setUint16(sockaddrAt + SockaddrAt.family, AF_INET, LITTLE_ENDIAN);
    view.setUint16(sockaddrAt + SockaddrAt.port, port);
    view.setUint32(sockaddrAt + SockaddrAt.address4, words[3] ?? 0);
    view.setUint32(sockaddrAt + 8, 0);
    view.setUint32(sockaddrAt + 12, 0);
    return SOCKADDR_IN_LEN;
  }
  view.setUint16(sockaddrAt + SockaddrAt.family, AF_INET6, LITTLE_ENDIAN);
  view.setUint16(sockaddrAt + SockaddrAt.port, port);
  view.setUint32(sockaddrAt + SockaddrAt.flowInfo6, 0);
  for (let i = 0; i < 4; i++) view.setUint32(sockaddrAt + SockaddrAt.address6 + i * 4, words[i] ?? 0);
  view.setUint32(sockaddrAt + SockaddrAt.scopeId6, 0);
  return SOCKADDR_IN6_LEN;
}
