/** Builds and checks TCP and UDP packets, slowly and readably; shares no code with the data plane's. */
import { parseIp } from '../../dataplane/wire/ip-text.ts';

const TCP = 6;
const UDP = 17;
const DESTINATION_OPTIONS = 60;

export interface IpFields {
  readonly src?: string;
  readonly dst?: string;
  /** Type of service, or traffic class. */
  readonly tos?: number;
  readonly ttl?: number;
  readonly id?: number;
  readonly dontFragment?: boolean;
  readonly flowLabel?: number;
  /** Bytes of IPv4 options, or of destination options without their first two bytes. */
  readonly options?: readonly number[];
}

export interface TcpFields extends IpFields {
  readonly ports?: readonly [number, number];
  readonly sequence?: number;
  readonly acknowledgment?: number;
  readonly flags?: number;
  readonly reserved?: number;
  readonly window?: number;
  readonly urgent?: number;
  readonly tcpOptions?: readonly number[];
  readonly payload?: Uint8Array;
}

export interface UdpFields extends IpFields {
  readonly ports?: readonly [number, number];
  readonly payload?: Uint8Array;
}

export const ACK = 0x10;
export const PSH = 0x08;
/** Timestamps, as every Linux connection has them. */
export const TIMESTAMPS = [1, 1, 8, 10, 0, 0, 0, 7, 0, 0, 0, 9] as const;

/** `len` bytes that differ from their neighbours. */
export function pattern(len: number, seed = 1): Uint8Array {
  return Uint8Array.from({ length: len }, (_, i) => (i * 31 + (i >> 8) * 7 + seed * 13) & 0xff);
}

export function tcpPacket(fields: TcpFields = {}): Uint8Array {
  const { ports = [40_000, 5201], sequence = 1000, acknowledgment = 77, flags = ACK, window = 501 } = fields;
  const { reserved = 0, urgent = 0, tcpOptions = TIMESTAMPS, payload = pattern(100) } = fields;
  const headerLen = 20 + tcpOptions.length;
  const upper = new Uint8Array(headerLen + payload.length);
  const view = new DataView(upper.buffer);
  view.setUint16(0, ports[0]);
  view.setUint16(2, ports[1]);
  view.setUint32(4, sequence);
  view.setUint32(8, acknowledgment);
  view.setUint8(12, ((headerLen / 4) << 4) | reserved);
  view.setUint8(13, flags);
  view.setUint16(14, window);
  view.setUint16(18, urgent);
  upper.set(tcpOptions, 20);
  upper.set(payload, headerLen);
  return withIp(fields, TCP, upper, 16);
}

export function udpPacket(fields: UdpFields = {}): Uint8Array {
  const { ports = [40_000, 53], payload = pattern(100) } = fields;
  const upper = new Uint8Array(8 + payload.length);
  const view = new DataView(upper.buffer);
  view.setUint16(0, ports[0]);
  view.setUint16(2, ports[1]);
  view.setUint16(4, upper.length);
  upper.set(payload, 8);
  return withIp(fields, UDP, upper, 6);
}

/** Puts an IP header in front and the checksums in. */
function withIp(fields: IpFields, protocol: number, upper: Uint8Array, checksumAt: number): Uint8Array {
  const { src = '10.88.0.1', dst = '10.88.0.2' } = fields;
  const isV6 = src.includes(':');
  const header = isV6
    ? ipv6Header(fields, src, dst, protocol, upper.length)
    : ipv4Header(fields, src, dst, protocol, upper.length);
  const packet = new Uint8Array(header.length + upper.length);
  packet.set(header);
  packet.set(upper, header.length);
  const sum = upperChecksum(packet);
  const value = protocol === UDP && sum === 0 ? 0xffff : sum;
  new DataView(packet.buffer).setUint16(header.length + checksumAt, value);
  return packet;
}

function ipv4Header(fields: IpFields, src: string, dst: string, protocol: number, upperLen: number) {
  const { tos = 0, ttl = 64, id = 4242, dontFragment = true, options = [] } = fields;
  const header = new Uint8Array(20 + options.length);
  const view = new DataView(header.buffer);
  view.setUint8(0, 0x40 | (header.length / 4));
  view.setUint8(1, tos);
  view.setUint16(2, header.length + upperLen);
  view.setUint16(4, id);
  view.setUint16(6, dontFragment ? 0x4000 : 0);
  view.setUint8(8, ttl);
  view.setUint8(9, protocol);
  header.set(addressOf(src), 12);
  header.set(addressOf(dst), 16);
  header.set(options, 20);
  view.setUint16(10, onesComplement(header));
  return header;
}

function ipv6Header(fields: IpFields, src: string, dst: string, protocol: number, upperLen: number) {
  const { tos = 0, ttl = 64, flowLabel = 0x12345, options = [] } = fields;
  const extension = options.length === 0 ? [] : [protocol, (options.length + 2) / 8 - 1, ...options];
  const header = new Uint8Array(40 + extension.length);
  const view = new DataView(header.buffer);
  view.setUint32(0, ((6 << 28) | (tos << 20) | flowLabel) >>> 0);
  view.setUint16(4, extension.length + upperLen);
  view.setUint8(6, extension.length === 0 ? protocol : DESTINATION_OPTIONS);
  view.setUint8(7, ttl);
  header.set(addressOf(src), 8);
  header.set(addressOf(dst), 24);
  header.set(extension, 40);
  return header;
}

function addressOf(text: string): Uint8Array {
  const ip = parseIp(text);
  if (ip === null) throw new TypeError(`${text} is no address`);
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  ip.words.forEach((word, i) => {
    view.setUint32(i * 4, word);
  });
  return bytes.slice(0, ip.family === 4 ? 4 : 16);
}

/** Where the transport header is, and which it is; the packet is one of ours or the kernel's. */
export function upperOf(packet: Uint8Array): { at: number; protocol: number; isV6: boolean } {
  const byte = (at: number) => packet[at] ?? 0;
  if (byte(0) >> 4 === 4) return { at: (byte(0) & 15) * 4, protocol: byte(9), isV6: false };
  if (byte(6) !== DESTINATION_OPTIONS) return { at: 40, protocol: byte(6), isV6: true };
  return { at: 40 + (byte(41) + 1) * 8, protocol: byte(40), isV6: true };
}

/** Length of IP and transport header. */
export function headerLenOf(packet: Uint8Array): number {
  const { at, protocol } = upperOf(packet);
  return protocol === UDP ? at + 8 : at + ((packet[at + 12] ?? 0) >> 4) * 4;
}

export function payloadOf(packet: Uint8Array): Uint8Array {
  return packet.subarray(headerLenOf(packet));
}

/** The pseudo header, as bytes. @see RFC 9293 §3.1, RFC 8200 §8.1 */
export function pseudoHeader(packet: Uint8Array): Uint8Array {
  const { at, protocol, isV6 } = upperOf(packet);
  const addresses = isV6 ? packet.slice(8, 40) : packet.slice(12, 20);
  const rest = new Uint8Array(8);
  const view = new DataView(rest.buffer);
  view.setUint32(0, packet.length - at);
  view.setUint32(4, protocol);
  return Uint8Array.from([...addresses, ...rest]);
}

/** The transport checksum that the packet should have. */
function upperChecksum(packet: Uint8Array): number {
  const { at, protocol } = upperOf(packet);
  const upper = packet.slice(at);
  upper.fill(0, protocol === UDP ? 6 : 16, protocol === UDP ? 8 : 18);
  return onesComplement(Uint8Array.from([...pseudoHeader(packet), ...upper]));
}

/** Whether lengths and all checksums of a packet are right. */
export function isIntact(packet: Uint8Array): boolean {
  const view = new DataView(packet.buffer, packet.byteOffset, packet.length);
  const { at, protocol, isV6 } = upperOf(packet);
  const saidLen = isV6 ? 40 + view.getUint16(4) : view.getUint16(2);
  if (saidLen !== packet.length) return false;
  if (!isV6 && onesComplement(packet.slice(0, at)) !== 0) return false;
  if (protocol === UDP && view.getUint16(at + 4) !== packet.length - at) return false;
  return onesComplement(Uint8Array.from([...pseudoHeader(packet), ...packet.slice(at)])) === 0;
}

/** RFC 1071 as it is written: word by word, carry by carry. */
export function onesComplement(bytes: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) {
    sum += ((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0);
    if (sum > 0xffff) sum -= 0xffff;
  }
  return ~sum & 0xffff;
}
