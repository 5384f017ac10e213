/** Writes the packets that benches move. */
import { checksum, fold, sumBytes, sumPseudo4 } from '../dataplane/wire/checksum.ts';
import { IpProtocol } from '../dataplane/wire/upper-layer.ts';

/** struct virtio_net_hdr, in front of what a TUN queue gives. */
const VIRTIO_LEN = 10;
const NEEDS_CHECKSUM = 1;
const GSO_TCP4 = 1;
const GSO_UDP = 5;
const IP_LEN = 20;
const TCP_CHECKSUM_AT = 16;
const UDP_CHECKSUM_AT = 6;
/** IPv4 and TCP with timestamps, IPv4 and UDP. */
export const HEADER_LEN = { tcp: 52, udp: 28 } as const;

export interface PacketFields {
  readonly protocol: 'tcp' | 'udp';
  readonly payloadLen: number;
  /** Source port, which tells flows apart. */
  readonly port?: number;
  /** As 32-bit numbers. */
  readonly source?: number;
  readonly destination?: number;
  /** Payload of each segment of a super-packet; 0 for a packet as it is. */
  readonly gsoSize?: number;
}

/**
 * Writes an IPv4 packet at `at` as the kernel gives it: its virtio_net_hdr in the bytes before,
 * its transport checksum to be made.
 *
 * @returns Its length.
 */
export function writePacket(view: DataView, at: number, fields: PacketFields): number {
  const { protocol, payloadLen, port = 1, source = 0, destination = 0, gsoSize = 0 } = fields;
  const isTcp = protocol === 'tcp';
  const len = HEADER_LEN[protocol] + payloadLen;
  for (let i = 0; i < len; i++) view.setUint8(at + i, (i * 31 + (i >> 8)) & 0xff);
  view.setUint8(at - VIRTIO_LEN, NEEDS_CHECKSUM);
  view.setUint8(at - VIRTIO_LEN + 1, gsoSize === 0 ? 0 : isTcp ? GSO_TCP4 : GSO_UDP);
  view.setUint16(at - VIRTIO_LEN + 4, gsoSize, true);
  view.setUint16(at - VIRTIO_LEN + 6, IP_LEN, true);
  view.setUint16(at - VIRTIO_LEN + 8, isTcp ? TCP_CHECKSUM_AT : UDP_CHECKSUM_AT, true);
  view.setUint32(at, 0x4500_0000 | len);
  view.setUint32(at + 4, 0x1234_4000);
  view.setUint32(at + 8, 0x4000_0000 | ((isTcp ? IpProtocol.tcp : IpProtocol.udp) << 16));
  view.setUint32(at + 12, source);
  view.setUint32(at + 16, destination);
  view.setUint16(at + 10, checksum(sumBytes(view, at, IP_LEN)));
  view.setUint16(at + IP_LEN, port);
  view.setUint16(at + IP_LEN + 4, len - IP_LEN);
  if (isTcp) view.setUint32(at + IP_LEN + 12, 0x8010_01f5);
  restorePacket(view, at, len);
  return len;
}

/** Puts back what a segmenter wrote over in a packet's header. */
export function restorePacket(view: DataView, at: number, len: number): void {
  const isTcp = view.getUint8(at + 9) === IpProtocol.tcp;
  const protocol = isTcp ? IpProtocol.tcp : IpProtocol.udp;
  view.setUint16(at + 2, len);
  if (!isTcp) view.setUint16(at + IP_LEN + 4, len - IP_LEN);
  const fieldAt = at + IP_LEN + (isTcp ? TCP_CHECKSUM_AT : UDP_CHECKSUM_AT);
  view.setUint16(fieldAt, fold(sumPseudo4(view, at, protocol, len - IP_LEN)));
}
