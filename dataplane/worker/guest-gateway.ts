/** The router's own addresses on the links of its guests: the same on every host, so that a guest may move. */
import type { MacAddress } from '../wire/mac-text.ts';

/** Locally administered, then "ic"; the network's VNI follows. @see IEEE 802 §8.4 */
const MAC_HIGH = 0x0269;
const MAC_LOW = 0x63 << 24;

/**
 * Addresses that a guest can name as its default gateway whatever its own are: 169.254.1.1 and fe80::1.
 * Of the words of each, all but the first and last are zero in the latter.
 */
const V4_GATEWAY = 0xa9fe_0101 | 0;
const V6_GATEWAY = { first: 0xfe80_0000 | 0, last: 1 } as const;

/** Source of ICMP errors of a router that has no IPv4 address of its own. @see RFC 7600 §4.8 */
export const V4_DUMMY = 0xc000_0008 | 0;

/** MAC address of a network's router. */
export function gatewayMac(vni: number): MacAddress {
  return { high: MAC_HIGH, low: MAC_LOW | vni };
}

/** @param ipAt Offset of 4 bytes for family 4, of 16 for family 6. */
export function isGatewayIp(view: DataView, family: 4 | 6, ipAt: number): boolean {
  if (family === 4) return view.getInt32(ipAt) === V4_GATEWAY;
  if (view.getInt32(ipAt) !== V6_GATEWAY.first || view.getInt32(ipAt + 12) !== V6_GATEWAY.last) return false;
  return view.getInt32(ipAt + 4) === 0 && view.getInt32(ipAt + 8) === 0;
}

/** Writes where the router's ICMP errors to guests come from. @param at Where 16 bytes are free. */
export function writeGatewayIp(view: DataView, family: 4 | 6, at: number): void {
  view.setInt32(at, family === 4 ? V4_DUMMY : V6_GATEWAY.first);
  if (family === 4) return;
  view.setInt32(at + 4, 0);
  view.setInt32(at + 8, 0);
  view.setInt32(at + 12, V6_GATEWAY.last);
}
