/** Which IP addresses a station on a link can have. */

const V4_LOOPBACK = 127;
/** Multicast, reserved and broadcast from here on. @see RFC 1112 §4 */
const V4_FIRST_GROUP = 224;
const V6_MULTICAST = 0xff;
/** Third word of an IPv4-mapped address, which no packet on a link carries. @see RFC 4291 §2.5.5.2 */
const V6_MAPPED = 0xffff;

/**
 * Whether an address may be learned: not unspecified, loopback or a group's.
 *
 * @param ipAt Offset of 4 bytes for family 4, of 16 for family 6.
 * @see RFC 1122 §3.2.1.3, RFC 4291 §2.5
 */
export function isStationIp(view: DataView, family: 4 | 6, ipAt: number): boolean {
  const first = view.getUint8(ipAt);
  if (family === 4) return first !== 0 && first !== V4_LOOPBACK && first < V4_FIRST_GROUP;
  if (first === V6_MULTICAST) return false;
  if (view.getInt32(ipAt) !== 0 || view.getInt32(ipAt + 4) !== 0) return true;
  const third = view.getInt32(ipAt + 8);
  if (third === V6_MAPPED) return false;
  return third !== 0 || view.getUint32(ipAt + 12) > 1;
}
