/**
 * The header in front of every packet of a TUN or TAP device with IFF_VNET_HDR: what is left to do
 * for the packet. Offsets named `at` point to its first byte; fields are in the machine's
 * order, which is little endian on all that Node runs on with WebAssembly's.
 *
 * @see Virtual I/O Device (VIRTIO) 1.2 §5.1.6, include/uapi/linux/virtio_net.h
 */

/** Length without the buffer count, which TUN leaves out. */
export const HEADER_LEN = 10;

/** Byte offsets from the start of the header. */
const At = { flags: 0, gsoType: 1, hdrLen: 2, gsoSize: 4, csumStart: 6, csumOffset: 8 } as const;

/** The checksum from `csumStart` on is to be made; its field holds the pseudo header's sum. */
const FLAG_NEEDS_CSUM = 1;
/** Congestion was signalled (TCP CWR): a bit beside the type. */
const GSO_ECN = 0x80;

/** What a super-packet is to be cut into. */
export const GsoType = { none: 0, tcp4: 1, udpFragments: 3, tcp6: 4, udp: 5 } as const;
export type GsoType = (typeof GsoType)[keyof typeof GsoType];

/** One of GsoType, or a number that none of them is. */
export function gsoType(view: DataView, at: number): number {
  return view.getUint8(at + At.gsoType) & ~GSO_ECN;
}

export function needsChecksum(view: DataView, at: number): boolean {
  return (view.getUint8(at + At.flags) & FLAG_NEEDS_CSUM) !== 0;
}

/** Payload bytes of every segment but the last. */
export function gsoSize(view: DataView, at: number): number {
  return view.getUint16(at + At.gsoSize, true);
}

/** Where the checksummed part starts, from the start of the packet. */
export function checksumStart(view: DataView, at: number): number {
  return view.getUint16(at + At.csumStart, true);
}

/** Where the checksum goes, from `checksumStart`. */
export function checksumOffset(view: DataView, at: number): number {
  return view.getUint16(at + At.csumOffset, true);
}

/** Writes the header of a packet that is complete as it is. */
export function writePlain(view: DataView, at: number): void {
  view.setUint32(at, 0);
  view.setUint32(at + 4, 0);
  view.setUint16(at + 8, 0);
}

/**
 * Writes the header of a super-packet whose checksum is to be made.
 *
 * @param type       A GsoType other than `none`.
 * @param headerLen  Bytes of IP and transport header.
 * @param segmentLen Payload bytes of every segment but the last.
 * @param csumStart  Offset of the transport header in the packet.
 * @param csumOffset Offset of the checksum in the transport header.
 */
export function writeSuper(
  view: DataView,
  at: number,
  type: number,
  headerLen: number,
  segmentLen: number,
  csumStart: number,
  csumOffset: number,
): void {
  view.setUint8(at + At.flags, FLAG_NEEDS_CSUM);
  view.setUint8(at + At.gsoType, type);
  view.setUint16(at + At.hdrLen, headerLen, true);
  view.setUint16(at + At.gsoSize, segmentLen, true);
  view.setUint16(at + At.csumStart, csumStart, true);
  view.setUint16(at + At.csumOffset, csumOffset, true);
}

/**
 * Moves the header to `toAt`, for a packet that begins `by` bytes earlier than before; a negative
 * `by` takes bytes off its front. The places may overlap.
 */
export function moveHeader(view: DataView, fromAt: number, toAt: number, by: number): void {
  const isSummed = needsChecksum(view, fromAt);
  const isSuper = gsoType(view, fromAt) !== GsoType.none;
  const flagsAndType = view.getUint16(fromAt + At.flags);
  const headerLen = view.getUint16(fromAt + At.hdrLen, true) + (isSuper ? by : 0);
  const segmentLen = view.getUint16(fromAt + At.gsoSize, true);
  const csumStart = view.getUint16(fromAt + At.csumStart, true) + (isSummed ? by : 0);
  const csumOffset = view.getUint16(fromAt + At.csumOffset, true);
  view.setUint16(toAt + At.flags, flagsAndType);
  view.setUint16(toAt + At.hdrLen, headerLen, true);
  view.setUint16(toAt + At.gsoSize, segmentLen, true);
  view.setUint16(toAt + At.csumStart, csumStart, true);
  view.setUint16(toAt + At.csumOffset, csumOffset, true);
}
