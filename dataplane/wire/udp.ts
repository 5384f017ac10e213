/** UDP header. Offsets named `at` point to its first byte. @see RFC 768 */

export const HEADER_LEN = 8;

/** Byte offsets from the start of the header. */
const At = { sourcePort: 0, destinationPort: 2, length: 4, checksum: 6 } as const;
export const CHECKSUM_AT = At.checksum;

/** The caller guarantees HEADER_LEN bytes, here and below. */
export function sourcePort(view: DataView, at: number): number {
  return view.getUint16(at + At.sourcePort);
}

export function destinationPort(view: DataView, at: number): number {
  return view.getUint16(at + At.destinationPort);
}

/** Length of header and data, in bytes, as the header says. */
export function length(view: DataView, at: number): number {
  return view.getUint16(at + At.length);
}

/** The checksum field; 0 means that the sender computed none. */
export function checksumField(view: DataView, at: number): number {
  return view.getUint16(at + At.checksum);
}

export function setLength(view: DataView, at: number, value: number): void {
  view.setUint16(at + At.length, value);
}

/** Writes a computed checksum, where 0 is sent as 0xffff because 0 means none. */
export function setChecksum(view: DataView, at: number, value: number): void {
  view.setUint16(at + At.checksum, value === 0 ? 0xffff : value);
}

/** Makes the field 0, as it counts in the sum it is made from. */
export function clearChecksum(view: DataView, at: number): void {
  view.setUint16(at + At.checksum, 0);
}

export function writeHeader(
  view: DataView,
  at: number,
  fields: { sourcePort: number; destinationPort: number; length: number },
): void {
  view.setUint16(at + At.sourcePort, fields.sourcePort);
  view.setUint16(at + At.destinationPort, fields.destinationPort);
  view.setUint16(at + At.length, fields.length);
  view.setUint16(at + At.checksum, 0);
}
