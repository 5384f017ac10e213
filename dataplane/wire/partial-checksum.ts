/**
 * Completes the TCP or UDP checksum of a frame that its sender left to hardware.
 *
 * Linux leaves the checksum of a tunnelled frame undone where the device below could make it; over
 * veth and virtio-net no device ever does, and no flag reaches a receiver of plain datagrams. What
 * stands in the field then is the pseudo header's sum, not inverted. A finished checksum is equal
 * to that once in 65,536 frames, and computing it again changes nothing then.
 *
 * @see Documentation/networking/checksum-offloads.rst, "TX Checksum Offload", "LCO"
 */
import { checksum, fold, sumBytes, sumPseudo4, sumPseudo6 } from './checksum.ts';
import { EtherType, etherType, HEADER_LEN } from './ethernet.ts';
import * as ip from './ip.ts';
import * as tcp from './tcp.ts';
import * as udp from './udp.ts';
import { Fragment, IpProtocol, type UpperLayer } from './upper-layer.ts';

const VLAN_TAG_LEN = 4;
/** IEEE 802.1ad's tag, and behind it 802.1Q's. */
const SERVICE_TAG = 0x88a8;
const MAX_TAGS = 2;

/**
 * @param len     Bytes of the frame; any content.
 * @param scratch Undefined afterwards.
 * @returns Whether the checksum was undone; it is complete now.
 */
export function completeChecksum(view: DataView, frameAt: number, len: number, scratch: UpperLayer): boolean {
  const ipAt = findIp(view, frameAt, len);
  if (ipAt < 0 || !ip.checkPacket(view, ipAt, frameAt + len - ipAt)) return false;
  if (!ip.findUpperLayer(view, ipAt, scratch) || scratch.fragment !== Fragment.none) return false;
  const { at, protocol } = scratch;
  const segmentLen = ipAt + ip.totalLen(view, ipAt) - at;
  const isTcp = protocol === IpProtocol.tcp;
  if (!isTcp && protocol !== IpProtocol.udp) return false;
  if (segmentLen < (isTcp ? tcp.MIN_HEADER_LEN : udp.HEADER_LEN)) return false;
  const pseudo =
    ip.ipVersion(view, ipAt) === 4
      ? sumPseudo4(view, ipAt, protocol, segmentLen)
      : sumPseudo6(view, ipAt, protocol, segmentLen);
  const fieldAt = at + (isTcp ? tcp.CHECKSUM_AT : udp.CHECKSUM_AT);
  if (view.getUint16(fieldAt) !== fold(pseudo)) return false;
  // The field holds the pseudo header's sum, so this covers it.
  const value = checksum(sumBytes(view, at, segmentLen));
  if (isTcp) tcp.setChecksum(view, at, value);
  else udp.setChecksum(view, at, value);
  return true;
}

/** Offset of the IP header behind at most two VLAN tags, -1 where there is none. */
function findIp(view: DataView, frameAt: number, len: number): number {
  const end = frameAt + len;
  let ipAt = frameAt + HEADER_LEN;
  for (let tags = 0; tags <= MAX_TAGS && ipAt <= end; tags++) {
    const type = etherType(view, ipAt - HEADER_LEN);
    if (type === EtherType.ipv4 || type === EtherType.ipv6) return ipAt;
    if (type !== EtherType.vlan && type !== SERVICE_TAG) return -1;
    ipAt += VLAN_TAG_LEN;
  }
  return -1;
}
