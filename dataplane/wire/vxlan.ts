/**
 * VXLAN header, behind which an Ethernet frame without its check sequence follows.
 *
 *     0  flags      0x08: the VNI is valid; the others are reserved
 *     1  reserved
 *     4  VNI        24 bits, big endian
 *     7  reserved
 *
 * Reserved bits are sent as 0 and ignored on receipt. Offsets named `at` point to the first byte.
 *
 * @see RFC 7348 §5
 */

/** UDP port of VXLAN. @see RFC 7348 §5 */
export const VXLAN_PORT = 4789;
export const HEADER_LEN = 8;
/** Largest VNI; unlike Geneve's, 0 is a network like others. */
export const MAX_VNI = 0xffffff;

/** Byte offsets from the start of the header. */
const At = { flags: 0, vni: 4 } as const;
const FLAG_VNI = 0x08;

/** Whether the I flag says that there is a VNI. The caller guarantees HEADER_LEN bytes, here and below. */
export function hasVni(view: DataView, at: number): boolean {
  return (view.getUint8(at + At.flags) & FLAG_VNI) !== 0;
}

/** VXLAN network identifier, 0 to MAX_VNI. */
export function vni(view: DataView, at: number): number {
  return view.getUint32(at + At.vni) >>> 8;
}

export function writeHeader(view: DataView, at: number, network: number): void {
  view.setInt32(at + At.flags, FLAG_VNI << 24);
  view.setInt32(at + At.vni, network << 8);
}
