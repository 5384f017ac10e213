/** VLAN tags of an Ethernet frame: what lies behind them, and to which VLAN it belongs. @see IEEE 802.1Q §9 */

import { EtherType, HEADER_LEN } from './ethernet.ts';

/** Service tag of a provider bridge. @see IEEE 802.1Q §9.6, table 9-1 */
export const SERVICE_TAG_TYPE = 0x88a8;
export const TAG_LEN = 4;

/** A service tag and a customer tag; more are left unread. */
const MAX_TAGS = 2;
const TYPE_LEN = 2;
const VID_BITS = 12;
const VID_MASK = 0x0fff;

/** What findPayload() found; made once by the caller and written for every frame. */
export interface FramePayload {
  /** EtherType behind the tags, or a length below 0x600. */
  type: number;
  /** Offset in the view of the first byte behind the type. */
  at: number;
  /**
   * The VLAN: 0 for an untagged frame, else the identifiers of its tags, 12 bits each, the outer
   * one first. A tag of VLAN 0 carries a priority only and changes nothing.
   */
  vlan: number;
}

export function createFramePayload(): FramePayload {
  return { type: 0, at: 0, vlan: 0 };
}

/**
 * Finds what a frame carries behind up to two tags.
 *
 * @returns false, with `out` undefined, when the frame ends before that.
 */
export function findPayload(view: DataView, at: number, len: number, out: FramePayload): boolean {
  const end = at + len;
  let next = at + HEADER_LEN;
  let vlan = 0;
  if (next > end) return false;
  let type = view.getUint16(next - TYPE_LEN);
  for (let tags = 0; tags < MAX_TAGS && isTag(type); tags++) {
    if (next + TAG_LEN > end) return false;
    vlan = (vlan << VID_BITS) | (view.getUint16(next) & VID_MASK);
    next += TAG_LEN;
    type = view.getUint16(next - TYPE_LEN);
  }
  out.type = type;
  out.at = next;
  out.vlan = vlan;
  return true;
}

function isTag(type: number): boolean {
  return type === EtherType.vlan || type === SERVICE_TAG_TYPE;
}
