/** What a router looks at first in a guest's frame: whether it is for it, and holds a packet that may go on. */
import * as ethernet from '../wire/ethernet.ts';
import { checkPacket, ipVersion } from '../wire/ip.ts';
import * as ipv4 from '../wire/ipv4.ts';
import * as ipv6 from '../wire/ipv6.ts';
import type { MacAddress } from '../wire/mac-text.ts';
import * as nd from '../wire/nd.ts';
import { GuestDrop } from './guest-drop.ts';

/** Multicast and, at the end, broadcast. @see RFC 1112 §4 */
const V4_FIRST_GROUP = 224;
/** 169.254.0.0/16 @see RFC 3927 §2.1 */
const V4_LINK_LOCAL = 0xa9fe;
/** fe80::/10 and the bits that count. @see RFC 4291 §2.5.6 */
const V6_LINK_LOCAL = 0xfe80;
const V6_LINK_LOCAL_MASK = 0xffc0;
const V6_MULTICAST = 0xff;

/**
 * Whether a frame is about neighbours: ARP, or a message of Neighbour Discovery that is only of this link.
 *
 * @param len At least ethernet.HEADER_LEN, here and below.
 */
export function isNeighbourFrame(view: DataView, frameAt: number, len: number): boolean {
  const type = ethernet.etherType(view, frameAt);
  if (type === ethernet.EtherType.arp) return true;
  if (type !== ethernet.EtherType.ipv6) return false;
  return nd.messageType(view, frameAt + ethernet.HEADER_LEN, len - ethernet.HEADER_LEN) !== 0;
}

/**
 * Judges a frame that is not about neighbours.
 *
 * @param mac The router's own.
 * @returns 0 when a whole packet begins behind the Ethernet header, which a router may pass on; else why not.
 */
export function judgeFrame(view: DataView, frameAt: number, len: number, mac: MacAddress): GuestDrop | 0 {
  const toAt = frameAt + ethernet.DESTINATION_AT;
  if (ethernet.isGroupAddress(view, toAt)) return GuestDrop.linkScope;
  if (ethernet.addressLow(view, toAt) !== mac.low || ethernet.addressHigh(view, toAt) !== mac.high) {
    return GuestDrop.otherStation;
  }
  const type = ethernet.etherType(view, frameAt);
  if (type !== ethernet.EtherType.ipv4 && type !== ethernet.EtherType.ipv6) return GuestDrop.notIp;
  const packetAt = frameAt + ethernet.HEADER_LEN;
  if (!checkPacket(view, packetAt, len - ethernet.HEADER_LEN)) return GuestDrop.malformed;
  const isV4 = ipVersion(view, packetAt) === 4;
  if (isV4 !== (type === ethernet.EtherType.ipv4)) return GuestDrop.malformed;
  return (isV4 ? isLinkScope4(view, packetAt) : isLinkScope6(view, packetAt)) ? GuestDrop.linkScope : 0;
}

function isLinkScope4(view: DataView, packetAt: number): boolean {
  const toAt = packetAt + ipv4.DESTINATION_AT;
  if (view.getUint8(toAt) >= V4_FIRST_GROUP || isLinkLocal(view, 4, toAt)) return true;
  return isLinkLocal(view, 4, packetAt + ipv4.SOURCE_AT);
}

function isLinkScope6(view: DataView, packetAt: number): boolean {
  const toAt = packetAt + ipv6.DESTINATION_AT;
  if (view.getUint8(toAt) === V6_MULTICAST || isLinkLocal(view, 6, toAt)) return true;
  return isLinkLocal(view, 6, packetAt + ipv6.SOURCE_AT);
}

/** @param ipAt Offset of 4 bytes for family 4, of 16 for family 6. */
export function isLinkLocal(view: DataView, family: 4 | 6, ipAt: number): boolean {
  const first = view.getUint16(ipAt);
  return family === 4 ? first === V4_LINK_LOCAL : (first & V6_LINK_LOCAL_MASK) === V6_LINK_LOCAL;
}
