/**
 * Judges packets as a TUN interface hands them to its host, each behind its virtio_net_hdr.
 *
 * A super-packet has no complete checksum, only that of its pseudo header: what the kernel would
 * make of it is right when that, the lengths and the virtio_net_hdr are.
 *
 * @see Documentation/networking/segmentation-offloads.rst, Virtual I/O Device Specification §5.1.6
 */
import { VIRTIO_LEN } from './super-packets.ts';
import { headerLenOf, isIntact, onesComplement, pseudoHeader, upperOf } from './transport-packets.ts';

const NEEDS_CSUM = 1;
const TCP = 6;
const UDP = 17;
const MAX_DATAGRAMS = 64;
const Gso = { none: 0, tcp4: 1, tcp6: 4, udp: 5 } as const;

/** What is wrong with a packet; null when it is well-formed, or neither TCP nor UDP. */
export function faultOf(delivered: Uint8Array): string | null {
  const packet = delivered.subarray(VIRTIO_LEN);
  const virtio = new DataView(delivered.buffer, delivered.byteOffset, VIRTIO_LEN);
  const version = (packet[0] ?? 0) >> 4;
  if (packet.length < 20 || (version !== 4 && version !== 6)) return 'no IP packet';
  const { protocol } = upperOf(packet);
  if (protocol !== TCP && protocol !== UDP) return null;
  if ((virtio.getUint8(0) & NEEDS_CSUM) !== 0) return superFaultOf(virtio, packet);
  if (virtio.getUint8(1) !== Gso.none) return 'a super-packet whose checksum shall not be made';
  return isIntact(packet) ? null : 'a length or checksum is wrong';
}

/** How many packets of the wire a delivered one stands for. */
export function packetsIn(delivered: Uint8Array): number {
  const virtio = new DataView(delivered.buffer, delivered.byteOffset, VIRTIO_LEN);
  if (virtio.getUint8(1) === Gso.none) return 1;
  const packet = delivered.subarray(VIRTIO_LEN);
  return Math.ceil((packet.length - headerLenOf(packet)) / virtio.getUint16(4, true));
}

function superFaultOf(virtio: DataView, packet: Uint8Array): string | null {
  const view = new DataView(packet.buffer, packet.byteOffset, packet.length);
  const { at, protocol, isV6 } = upperOf(packet);
  const isTcp = protocol === TCP;
  if (packet.length !== (isV6 ? 40 + view.getUint16(4) : view.getUint16(2))) return 'IP length';
  if (!isV6 && onesComplement(packet.slice(0, at)) !== 0) return 'IPv4 header checksum';
  if (!isTcp && view.getUint16(at + 4) !== packet.length - at) return 'UDP length';
  const type = isTcp ? (isV6 ? Gso.tcp6 : Gso.tcp4) : Gso.udp;
  if (virtio.getUint8(1) !== type) return `type ${virtio.getUint8(1)} instead of ${type}`;
  if (virtio.getUint16(6, true) !== at) return 'start of the checksum';
  if (virtio.getUint16(8, true) !== (isTcp ? 16 : 6)) return 'place of the checksum';
  const partial = ~onesComplement(pseudoHeader(packet)) & 0xffff;
  if (view.getUint16(at + (isTcp ? 16 : 6)) % 0xffff !== partial % 0xffff)
    return 'checksum of the pseudo header';
  const payloadLen = packet.length - headerLenOf(packet);
  const gsoSize = virtio.getUint16(4, true);
  if (gsoSize === 0 || payloadLen <= gsoSize) return `${payloadLen} bytes in pieces of ${gsoSize}`;
  if (!isTcp && payloadLen > gsoSize * MAX_DATAGRAMS) return 'more datagrams than the kernel takes';
  return null;
}
