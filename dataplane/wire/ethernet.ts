/** Ethernet II header: addresses and type. @see IEEE 802.3 §3.1.1; EtherTypes by IANA */

export const HEADER_LEN = 14;
/** With two VLAN tags. @see IEEE 802.1Q §9.6 */
export const MAX_HEADER_LEN = 22;
export const ADDRESS_LEN = 6;

export const EtherType = { ipv4: 0x0800, arp: 0x0806, vlan: 0x8100, ipv6: 0x86dd } as const;
export type EtherType = (typeof EtherType)[keyof typeof EtherType];

/** Byte offsets from the start of the frame. */
export const DESTINATION_AT = 0;
export const SOURCE_AT = 6;
const TYPE_AT = 12;

const GROUP_BIT = 0x01;

/** EtherType, or a length below 0x600 in an 802.3 frame. The caller guarantees HEADER_LEN bytes. */
export function etherType(view: DataView, at: number): number {
  return view.getUint16(at + TYPE_AT);
}

/** Whether an address names a group: multicast or broadcast. */
export function isGroupAddress(view: DataView, addressAt: number): boolean {
  return (view.getUint8(addressAt) & GROUP_BIT) !== 0;
}

/** Writes a header by copying both addresses from the view. Source and target must not overlap. */
export function writeHeader(
  view: DataView,
  at: number,
  destinationAt: number,
  sourceAt: number,
  type: number,
): void {
  copyAddress(view, destinationAt, at + DESTINATION_AT);
  copyAddress(view, sourceAt, at + SOURCE_AT);
  view.setUint16(at + TYPE_AT, type);
}

function copyAddress(view: DataView, fromAt: number, toAt: number): void {
  view.setUint32(toAt, view.getUint32(fromAt));
  view.setUint16(toAt + 4, view.getUint16(fromAt + 4));
}
