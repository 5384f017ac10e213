/** Builds IP packets for tests, slowly and readably. */
import { parseIp } from '../../../dataplane/wire/ip-text.ts';

export const Protocol = { icmp: 1, tcp: 6, udp: 17, fragment: 44, sctp: 132 } as const;

export interface PacketFields {
  readonly src: string;
  readonly dst: string;
  readonly protocol?: number;
  readonly payload?: Uint8Array;
  /** IPv4 flags and fragment offset. */
  readonly flagsFragment?: number;
}

/** An IPv4 or IPv6 packet, as the addresses are. */
export function ipPacket(fields: PacketFields): Uint8Array {
  return fields.src.includes(':') ? ipv6Packet(fields) : ipv4Packet(fields);
}

function ipv4Packet({
  src,
  dst,
  protocol = Protocol.udp,
  payload,
  flagsFragment = 0,
}: PacketFields): Uint8Array {
  const body = payload ?? udpPayload(40_000, 53);
  const packet = new Uint8Array(20 + body.length);
  const view = new DataView(packet.buffer);
  view.setUint8(0, 0x45);
  view.setUint16(2, packet.length);
  view.setUint16(6, flagsFragment);
  view.setUint8(8, 64);
  view.setUint8(9, protocol);
  packet.set(addressBytes(src), 12);
  packet.set(addressBytes(dst), 16);
  packet.set(body, 20);
  return packet;
}

function ipv6Packet({ src, dst, protocol = Protocol.udp, payload }: PacketFields): Uint8Array {
  const body = payload ?? udpPayload(40_000, 53);
  const packet = new Uint8Array(40 + body.length);
  const view = new DataView(packet.buffer);
  view.setUint8(0, 0x60);
  view.setUint16(4, body.length);
  view.setUint8(6, protocol);
  view.setUint8(7, 64);
  packet.set(addressBytes(src), 8);
  packet.set(addressBytes(dst), 24);
  packet.set(body, 40);
  return packet;
}

/** UDP header and data; its ports are where TCP and SCTP have theirs. */
export function udpPayload(sourcePort: number, destinationPort: number, dataLen = 4): Uint8Array {
  const payload = new Uint8Array(8 + dataLen);
  const view = new DataView(payload.buffer);
  view.setUint16(0, sourcePort);
  view.setUint16(2, destinationPort);
  view.setUint16(4, payload.length);
  return payload;
}

/** An IPv6 fragment header in front of a payload. */
export function fragmentPayload(nextHeader: number, offsetAndFlags: number, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(8 + payload.length);
  bytes[0] = nextHeader;
  new DataView(bytes.buffer).setUint16(2, offsetAndFlags);
  bytes.set(payload, 8);
  return bytes;
}

export function addressBytes(text: string): Uint8Array {
  const ip = parseIp(text);
  if (ip === null) throw new TypeError(`${text} is no address`);
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  ip.words.forEach((word, i) => {
    view.setUint32(i * 4, word);
  });
  return bytes.slice(0, ip.family === 4 ? 4 : 16);
}
