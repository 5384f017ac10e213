/** TCP header. Offsets named `at` point to its first byte. @see RFC 9293 §3.1 */

/** Bytes of a header without options. */
export const MIN_HEADER_LEN = 20;

/** Byte offsets from the start of the header. */
const At = {
  sourcePort: 0,
  destinationPort: 2,
  sequence: 4,
  acknowledgment: 8,
  dataOffset: 12,
  flags: 13,
  window: 14,
  checksum: 16,
  urgentPointer: 18,
} as const;
export const CHECKSUM_AT = At.checksum;

export const TcpFlag = {
  fin: 0x01,
  syn: 0x02,
  rst: 0x04,
  psh: 0x08,
  ack: 0x10,
  urg: 0x20,
  ece: 0x40,
  cwr: 0x80,
} as const;

/** The caller guarantees MIN_HEADER_LEN bytes, here and below. */
export function sourcePort(view: DataView, at: number): number {
  return view.getUint16(at + At.sourcePort);
}

export function destinationPort(view: DataView, at: number): number {
  return view.getUint16(at + At.destinationPort);
}

/** Sequence number, 0 to 2^32 − 1. */
export function sequence(view: DataView, at: number): number {
  return view.getUint32(at + At.sequence);
}

export function acknowledgment(view: DataView, at: number): number {
  return view.getUint32(at + At.acknowledgment);
}

/** Length of header and options, 0 to 60 bytes; below MIN_HEADER_LEN it is malformed. */
export function headerLen(view: DataView, at: number): number {
  return (view.getUint8(at + At.dataOffset) >>> 4) * 4;
}

/** Bits of TcpFlag. */
export function flags(view: DataView, at: number): number {
  return view.getUint8(at + At.flags);
}

/** The four bits between data offset and flags. @see RFC 3168, RFC 9293 §3.1 */
export function reservedBits(view: DataView, at: number): number {
  return view.getUint8(at + At.dataOffset) & 0x0f;
}

export function urgentPointer(view: DataView, at: number): number {
  return view.getUint16(at + At.urgentPointer);
}

export function window(view: DataView, at: number): number {
  return view.getUint16(at + At.window);
}

export function checksumField(view: DataView, at: number): number {
  return view.getUint16(at + At.checksum);
}

export function setSequence(view: DataView, at: number, value: number): void {
  view.setUint32(at + At.sequence, value);
}

export function setFlags(view: DataView, at: number, value: number): void {
  view.setUint8(at + At.flags, value);
}

export function setChecksum(view: DataView, at: number, value: number): void {
  view.setUint16(at + At.checksum, value);
}
