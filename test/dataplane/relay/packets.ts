/** IP packets for relay tests, made and read plainly: checksums by adding words one by one. */
import { isIPv6 } from 'node:net';
import { parseIp } from '../../../dataplane/wire/ip-text.ts';

export interface UdpFields {
  readonly from: string;
  readonly fromPort: number;
  readonly to: string;
  readonly toPort: number;
  readonly data: Uint8Array;
  readonly dontFragment?: boolean;
  readonly id?: number;
  /** In place of the right one. */
  readonly checksum?: number;
}

export function addressBytes(text: string): Buffer {
  const ip = parseIp(text);
  if (ip === null) throw new Error(`no address: ${text}`);
  const bytes = Buffer.alloc(16);
  for (const [i, word] of ip.words.entries()) bytes.writeUInt32BE(word, i * 4);
  return bytes.subarray(0, ip.family === 4 ? 4 : 16);
}

export function naiveChecksum(...pieces: readonly Uint8Array[]): number {
  const bytes = Buffer.concat(pieces);
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += (bytes[i] ?? 0) * 256 + (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = Math.floor(sum / 0x10000) + (sum % 0x10000);
  return 0xffff - sum;
}

function pseudoHeader(from: Buffer, to: Buffer, protocol: number, len: number): Buffer {
  const rest = from.length === 4 ? Buffer.alloc(4) : Buffer.alloc(8);
  if (from.length === 4) {
    rest[1] = protocol;
    rest.writeUInt16BE(len, 2);
  } else {
    rest.writeUInt32BE(len, 0);
    rest[7] = protocol;
  }
  return Buffer.concat([from, to, rest]);
}

/** A packet of any protocol; `checksumAt` in the body is filled in where it is not negative. */
export function ipPacket(
  o: { from: string; to: string; protocol: number; body: Uint8Array; dontFragment?: boolean; id?: number },
  checksumAt = -1,
): Buffer {
  const [from, to] = [addressBytes(o.from), addressBytes(o.to)];
  const body = Buffer.from(o.body);
  if (checksumAt >= 0) {
    body.writeUInt16BE(0, checksumAt);
    const sum = naiveChecksum(pseudoHeader(from, to, o.protocol, body.length), body);
    body.writeUInt16BE(sum === 0 ? 0xffff : sum, checksumAt);
  }
  if (isIPv6(o.from)) {
    const header = Buffer.alloc(8);
    header[0] = 0x60;
    header.writeUInt16BE(body.length, 4);
    header[6] = o.protocol;
    header[7] = 64;
    return Buffer.concat([header, from, to, body]);
  }
  const header = Buffer.alloc(12);
  header[0] = 0x45;
  header.writeUInt16BE(20 + body.length, 2);
  header.writeUInt16BE(o.id ?? 7, 4);
  if (o.dontFragment === true) header[6] = 0x40;
  header[8] = 64;
  header[9] = o.protocol;
  const whole = Buffer.concat([header, from, to]);
  whole.writeUInt16BE(naiveChecksum(whole), 10);
  return Buffer.concat([whole, body]);
}

export function udpPacket(o: UdpFields): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt16BE(o.fromPort, 0);
  header.writeUInt16BE(o.toPort, 2);
  header.writeUInt16BE(8 + o.data.length, 4);
  header.writeUInt16BE(o.checksum ?? 0, 6);
  const body = Buffer.concat([header, o.data]);
  return ipPacket({ ...o, protocol: 17, body }, o.checksum === undefined ? 6 : -1);
}

export interface UdpRead {
  readonly from: string;
  readonly fromPort: number;
  readonly to: string;
  readonly toPort: number;
  readonly data: Buffer;
}

function addressHex(bytes: Buffer): string {
  return bytes.toString('hex');
}

/** Reads a whole UDP packet, throwing for anything that is wrong in it. */
export function readUdp(packet: Buffer): UdpRead {
  const isV4 = packet[0] === 0x45;
  const headerLen = isV4 ? 20 : 40;
  if (isV4) {
    if (naiveChecksum(packet.subarray(0, 20)) !== 0) throw new Error('wrong IPv4 checksum');
    if (packet.readUInt16BE(2) !== packet.length) throw new Error('wrong IPv4 length');
    if ((packet.readUInt16BE(6) & 0x3fff) !== 0) throw new Error('a fragment');
  } else {
    if (packet.readUInt32BE(0) !== 0x60000000) throw new Error('no plain IPv6 header');
    if (packet.readUInt16BE(4) !== packet.length - 40) throw new Error('wrong IPv6 length');
  }
  if (packet[isV4 ? 9 : 6] !== 17) throw new Error('no UDP');
  const addressLen = isV4 ? 4 : 16;
  const addressesAt = headerLen - 2 * addressLen;
  const from = packet.subarray(addressesAt, addressesAt + addressLen);
  const to = packet.subarray(addressesAt + addressLen, headerLen);
  const body = packet.subarray(headerLen);
  if (body.readUInt16BE(4) !== body.length) throw new Error('wrong UDP length');
  if (body.readUInt16BE(6) === 0) throw new Error('no UDP checksum');
  if (naiveChecksum(pseudoHeader(from, to, 17, body.length), body) !== 0)
    throw new Error('wrong UDP checksum');
  return {
    from: addressHex(from),
    fromPort: body.readUInt16BE(0),
    to: addressHex(to),
    toPort: body.readUInt16BE(2),
    data: body.subarray(8),
  };
}

export function hexAddress(text: string): string {
  return addressHex(addressBytes(text));
}

/** Cuts a packet as a sender does. @see RFC 791 §3.2, RFC 8200 §4.5 */
export function fragmentsOf(packet: Buffer, mtu: number, id = 0x1234_5678): Buffer[] {
  if (packet.length <= mtu) return [packet];
  const isV4 = packet[0] === 0x45;
  const headerLen = isV4 ? 20 : 40;
  const body = packet.subarray(headerLen);
  const room = Math.floor((mtu - headerLen - (isV4 ? 0 : 8)) / 8) * 8;
  const pieces: Buffer[] = [];
  for (let offset = 0; offset < body.length; offset += room) {
    const piece = body.subarray(offset, offset + room);
    pieces.push(fragment(packet, piece, offset, offset + room < body.length, id));
  }
  return pieces;
}

/** One piece of a packet's body. */
export function fragment(packet: Buffer, piece: Buffer, offset: number, more: boolean, id: number): Buffer {
  if (packet[0] === 0x45) {
    const header = Buffer.from(packet.subarray(0, 20));
    header.writeUInt16BE(20 + piece.length, 2);
    header.writeUInt16BE(id & 0xffff, 4);
    header.writeUInt16BE(offset / 8 + (more ? 0x2000 : 0), 6);
    header.writeUInt16BE(0, 10);
    header.writeUInt16BE(naiveChecksum(header), 10);
    return Buffer.concat([header, piece]);
  }
  const header = Buffer.concat([packet.subarray(0, 40), Buffer.alloc(8)]);
  header.writeUInt16BE(8 + piece.length, 4);
  header[40] = header[6] ?? 0;
  header[6] = 44;
  header.writeUInt16BE(offset + (more ? 1 : 0), 42);
  header.writeUInt32BE(id, 44);
  return Buffer.concat([header, piece]);
}

/** Puts fragments together as a receiver does, sorted or not; throws where they do not fit. */
export function joinFragments(pieces: readonly Buffer[]): Buffer {
  const [head] = pieces;
  if (head === undefined) throw new Error('nothing to join');
  const isV4 = head[0] === 0x45;
  const parts = pieces.map((piece) => {
    if (isV4 && naiveChecksum(piece.subarray(0, 20)) !== 0) throw new Error('wrong IPv4 checksum');
    const field = piece.readUInt16BE(isV4 ? 6 : 42);
    return {
      id: isV4 ? piece.readUInt16BE(4) : piece.readUInt32BE(44),
      offset: isV4 ? (field & 0x1fff) * 8 : field & 0xfff8,
      more: isV4 ? (field & 0x2000) !== 0 : (field & 1) !== 0,
      body: piece.subarray(isV4 ? 20 : 48),
    };
  });
  parts.sort((a, b) => a.offset - b.offset);
  let end = 0;
  for (const [i, part] of parts.entries()) {
    if (part.offset !== end || part.more !== i < parts.length - 1) throw new Error('fragments do not fit');
    if (part.id !== parts[0]?.id) throw new Error('fragments of two packets');
    end += part.body.length;
  }
  const header = Buffer.from(head.subarray(0, isV4 ? 20 : 40));
  if (isV4) {
    header.writeUInt16BE(20 + end, 2);
    header.writeUInt16BE(0, 6);
    header.writeUInt16BE(0, 10);
    header.writeUInt16BE(naiveChecksum(header), 10);
  } else {
    header.writeUInt16BE(end, 4);
    header[6] = head[40] ?? 0;
  }
  return Buffer.concat([header, ...parts.map((part) => part.body)]);
}
