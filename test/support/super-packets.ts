/** Super-packets as the kernel gives them, and what they stand for, cut slowly and readably. */
import {
  ACK,
  headerLenOf,
  onesComplement,
  pattern,
  payloadOf,
  pseudoHeader,
  type TcpFields,
  tcpPacket,
  type UdpFields,
  udpPacket,
  upperOf,
} from './transport-packets.ts';

export const VIRTIO_LEN = 10;
const UDP = 17;
const FIN_PSH = 0x09;
const CWR = 0x80;

export interface VirtioFields {
  readonly flags?: number;
  readonly gsoType?: number;
  readonly hdrLen?: number;
  readonly gsoSize?: number;
  readonly csumStart?: number;
  readonly csumOffset?: number;
}

export function virtioHeader(fields: VirtioFields = {}): Uint8Array {
  const { flags = 0, gsoType = 0, hdrLen = 0, gsoSize = 0, csumStart = 0, csumOffset = 0 } = fields;
  const header = new Uint8Array(VIRTIO_LEN);
  const view = new DataView(header.buffer);
  view.setUint8(0, flags);
  view.setUint8(1, gsoType);
  view.setUint16(2, hdrLen, true);
  view.setUint16(4, gsoSize, true);
  view.setUint16(6, csumStart, true);
  view.setUint16(8, csumOffset, true);
  return header;
}

/**
 * Makes a complete packet one whose checksum is to be made, and which is to be cut.
 *
 * @param fields What the virtio_net_hdr shall say other than what is right.
 */
export function asSuper(packet: Uint8Array, gsoSize: number, fields: VirtioFields = {}): Uint8Array {
  const { at, protocol, isV6 } = upperOf(packet);
  const csumOffset = protocol === UDP ? 6 : 16;
  const header = virtioHeader({
    flags: 1,
    gsoType: gsoSize === 0 ? 0 : protocol === UDP ? 5 : isV6 ? 4 : 1,
    hdrLen: headerLenOf(packet),
    gsoSize,
    csumStart: at,
    csumOffset,
    ...fields,
  });
  const out = new Uint8Array(VIRTIO_LEN + packet.length);
  out.set(header);
  out.set(packet, VIRTIO_LEN);
  const partial = ~onesComplement(pseudoHeader(packet)) & 0xffff;
  new DataView(out.buffer).setUint16(VIRTIO_LEN + at + csumOffset, partial);
  return out;
}

/** What TCP data of these fields is when it is sent in pieces. */
export function tcpSegments(fields: TcpFields, gsoSize: number): Uint8Array[] {
  const { payload = pattern(100), sequence = 1000, flags = ACK, id = 4242 } = fields;
  const count = Math.max(1, Math.ceil(payload.length / gsoSize));
  return Array.from({ length: count }, (_, i) =>
    tcpPacket({
      ...fields,
      payload: payload.slice(i * gsoSize, (i + 1) * gsoSize),
      sequence: (sequence + i * gsoSize) % 2 ** 32,
      id: (id + i) % 65_536,
      flags: flags & ~(i < count - 1 ? FIN_PSH : 0) & ~(i > 0 ? CWR : 0),
    }),
  );
}

export function udpSegments(fields: UdpFields, gsoSize: number): Uint8Array[] {
  const { payload = pattern(100), id = 4242 } = fields;
  const count = Math.max(1, Math.ceil(payload.length / gsoSize));
  return Array.from({ length: count }, (_, i) =>
    udpPacket({
      ...fields,
      payload: payload.slice(i * gsoSize, (i + 1) * gsoSize),
      id: (id + i) % 65_536,
    }),
  );
}

/**
 * What the kernel makes of a super-packet that it is given, by the standard's rules: complete
 * packets. Throws when the virtio_net_hdr does not fit the packet.
 */
export function cut(written: Uint8Array): Uint8Array[] {
  const virtio = new DataView(written.buffer, written.byteOffset, VIRTIO_LEN);
  const packet = written.slice(VIRTIO_LEN);
  const type = virtio.getUint8(1);
  if (type === 0) return [packet];
  const { at, protocol, isV6 } = upperOf(packet);
  const gsoSize = virtio.getUint16(4, true);
  const said = [virtio.getUint8(0), type, virtio.getUint16(2, true), virtio.getUint16(6, true)];
  const right = [1, protocol === UDP ? 5 : isV6 ? 4 : 1, headerLenOf(packet), at];
  if (said.join() !== right.join()) throw new Error(`virtio_net_hdr says ${said}, the packet ${right}`);
  const partial = ~onesComplement(pseudoHeader(packet)) & 0xffff;
  const view = new DataView(packet.buffer);
  const field = view.getUint16(at + virtio.getUint16(8, true));
  if (field % 0xffff !== partial % 0xffff) throw new Error(`checksum field ${field}, expected ${partial}`);
  const ip = {
    src: addressText(packet.slice(isV6 ? 8 : 12, isV6 ? 24 : 16)),
    dst: addressText(packet.slice(isV6 ? 24 : 16, isV6 ? 40 : 20)),
    tos: isV6 ? (view.getUint32(0) >>> 20) & 0xff : view.getUint8(1),
    ttl: view.getUint8(isV6 ? 7 : 8),
    id: view.getUint16(4),
    dontFragment: (view.getUint16(6) & 0x4000) !== 0,
    flowLabel: view.getUint32(0) & 0xfffff,
    ports: [view.getUint16(at), view.getUint16(at + 2)] as const,
    payload: payloadOf(packet),
  };
  if (protocol === UDP) return udpSegments(ip, gsoSize);
  const tcp = {
    sequence: view.getUint32(at + 4),
    acknowledgment: view.getUint32(at + 8),
    flags: view.getUint8(at + 13),
    window: view.getUint16(at + 14),
    urgent: view.getUint16(at + 18),
    tcpOptions: [...packet.slice(at + 20, headerLenOf(packet))],
  };
  return tcpSegments({ ...ip, ...tcp }, gsoSize);
}

function addressText(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.');
  const words = Array.from({ length: 8 }, (_, i) => ((bytes[2 * i] ?? 0) << 8) | (bytes[2 * i + 1] ?? 0));
  return words.map((word) => word.toString(16)).join(':');
}
