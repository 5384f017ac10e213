/**
 * Ethernet II header: addresses, VLAN tags and type.
 *
 * An address in numbers is its upper 16 bits and its lower 32, the latter signed.
 *
 * @see IEEE 802.3 §3.1.1, IEEE 802.1Q §9; EtherTypes by IANA
 */

/** Bytes of a header without tags. */
export const HEADER_LEN = 14;
export const ADDRESS_LEN = 6;
export const TYPE_LEN = 2;
export const TAG_LEN = 4;
/** A service tag and a customer tag. */
const MAX_TAGS = 2;
export const MAX_HEADER_LEN = HEADER_LEN + MAX_TAGS * TAG_LEN;

export const EtherType = {
  ipv4: 0x0800,
  arp: 0x0806,
  vlan: 0x8100,
  ipv6: 0x86dd,
  serviceVlan: 0x88a8,
} as const;
export type EtherType = (typeof EtherType)[keyof typeof EtherType];

/** Byte offsets from the start of the frame. */
export const DESTINATION_AT = 0;
export const SOURCE_AT = 6;
const TYPE_AT = 12;

const GROUP_BIT = 0x01;
const VLAN_ID_MASK = 0x0fff;
const VLAN_ID_BITS = 12;

/** EtherType, or a length below 0x600 in an 802.3 frame. The caller guarantees HEADER_LEN bytes. */
export function etherType(view: DataView, at: number): number {
  return view.getUint16(at + TYPE_AT);
}

/**
 * Offset of the type behind at most two VLAN tags; the payload begins TYPE_LEN behind it. A third
 * tag is what the type then says.
 *
 * @returns −1 for a frame that ends before its type does.
 */
export function typeAt(view: DataView, at: number, len: number): number {
  const lastAt = at + len - TYPE_LEN;
  let next = at + TYPE_AT;
  for (let tags = 0; tags < MAX_TAGS && next <= lastAt && isTag(view.getUint16(next)); tags++)
    next += TAG_LEN;
  return next <= lastAt ? next : -1;
}

function isTag(type: number): boolean {
  return type === EtherType.vlan || type === EtherType.serviceVlan;
}

/**
 * Names the VLAN of a frame: the outer tag's id × 4096 + the inner one's; 0 without tags. A tag of
 * id 0 carries a priority only.
 *
 * @param frameTypeAt What typeAt() found.
 */
export function vlanOf(view: DataView, at: number, frameTypeAt: number): number {
  let vlan = 0;
  for (let tagAt = at + TYPE_AT; tagAt < frameTypeAt; tagAt += TAG_LEN) {
    vlan = (vlan << VLAN_ID_BITS) | (view.getUint16(tagAt + TYPE_LEN) & VLAN_ID_MASK);
  }
  return vlan;
}

/** Upper 16 bits of an address. */
export function addressHigh(view: DataView, addressAt: number): number {
  return view.getUint16(addressAt);
}

/** Lower 32 bits of an address, signed. */
export function addressLow(view: DataView, addressAt: number): number {
  return view.getInt32(addressAt + 2);
}

export function writeAddress(view: DataView, addressAt: number, high: number, low: number): void {
  view.setUint16(addressAt, high);
  view.setInt32(addressAt + 2, low);
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

/** Writes a header from addresses in numbers. */
export function writeHeaderOf(
  view: DataView,
  at: number,
  toHigh: number,
  toLow: number,
  fromHigh: number,
  fromLow: number,
  type: number,
): void {
  writeAddress(view, at + DESTINATION_AT, toHigh, toLow);
  writeAddress(view, at + SOURCE_AT, fromHigh, fromLow);
  view.setUint16(at + TYPE_AT, type);
}

/**
 * Writes the header of a frame back to the sender of another one, with its tags and type.
 *
 * @param at          The frame to answer; it must not overlap the answer.
 * @param frameTypeAt What typeAt() found in it.
 * @param sourceHigh  Source of the answer, with `sourceLow`.
 * @returns           Bytes written.
 */
export function writeAnswerHeader(
  view: DataView,
  at: number,
  frameTypeAt: number,
  outAt: number,
  sourceHigh: number,
  sourceLow: number,
): number {
  copyAddress(view, at + SOURCE_AT, outAt + DESTINATION_AT);
  writeAddress(view, outAt + SOURCE_AT, sourceHigh, sourceLow);
  const len = frameTypeAt + TYPE_LEN - at;
  for (let i = TYPE_AT; i < len; i += 2) view.setUint16(outAt + i, view.getUint16(at + i));
  return len;
}

function copyAddress(view: DataView, fromAt: number, toAt: number): void {
  view.setUint32(toAt, view.getUint32(fromAt));
  view.setUint16(toAt + 4, view.getUint16(fromAt + 4));
}
