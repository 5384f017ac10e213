/**
 * Makes a frame that came in a datagram one of the kernel's kind: complete, or a super-frame.
 *
 * A Linux endpoint on the same host hands over TCP uncut and unsummed, up to 64 KB a frame, and an
 * endpoint elsewhere may have a larger MTU than the network. What no path of the network takes
 * whole is given as a super-frame, to be cut where it leaves.
 */
import { checksum, fold, sumBytes, sumPseudo4, sumPseudo6 } from '../wire/checksum.ts';
import * as ethernet from '../wire/ethernet.ts';
import * as ip from '../wire/ip.ts';
import { completeChecksum } from '../wire/partial-checksum.ts';
import * as tcp from '../wire/tcp.ts';
import { Fragment, IpProtocol, type UpperLayer } from '../wire/upper-layer.ts';
import * as virtio from '../wire/virtio-net.ts';

/** A cut of less is not worth the headers. */
const MIN_SEGMENT_LEN = 256;

/**
 * Writes the virtio_net_hdr of a frame into the 10 bytes before it, and completes its checksum
 * unless it is to be cut.
 *
 * @param len          Bytes of the frame; any content.
 * @param maxPacketLen Longest packet that leaves whole, in bytes.
 * @param scratch      Undefined afterwards.
 */
export function prepareFrame(
  view: DataView,
  frameAt: number,
  len: number,
  maxPacketLen: number,
  scratch: UpperLayer,
): void {
  const headerAt = frameAt - virtio.HEADER_LEN;
  if (len > maxPacketLen + ethernet.HEADER_LEN && markSuper(view, frameAt, len, maxPacketLen, scratch))
    return;
  virtio.writePlain(view, headerAt);
  completeChecksum(view, frameAt, len, scratch);
}

/** @returns Whether it is TCP that can be cut; its checksum field holds the pseudo header's sum then. */
function markSuper(
  view: DataView,
  frameAt: number,
  len: number,
  maxPacketLen: number,
  upper: UpperLayer,
): boolean {
  const typeAt = ethernet.typeAt(view, frameAt, len);
  const type = typeAt < 0 ? 0 : view.getUint16(typeAt);
  if (type !== ethernet.EtherType.ipv4 && type !== ethernet.EtherType.ipv6) return false;
  const ipAt = typeAt + ethernet.TYPE_LEN;
  if (!ip.checkPacket(view, ipAt, frameAt + len - ipAt) || ip.totalLen(view, ipAt) <= maxPacketLen)
    return false;
  if (!ip.findUpperLayer(view, ipAt, upper) || upper.fragment !== Fragment.none) return false;
  const tcpLen = ipAt + ip.totalLen(view, ipAt) - upper.at;
  if (upper.protocol !== IpProtocol.tcp || tcpLen < tcp.MIN_HEADER_LEN) return false;
  const headerLen = upper.at - ipAt + tcp.headerLen(view, upper.at);
  const segmentLen = maxPacketLen - headerLen;
  if (tcp.headerLen(view, upper.at) > tcpLen || segmentLen < MIN_SEGMENT_LEN) return false;
  const isV4 = ip.ipVersion(view, ipAt) === 4;
  if (!leaveUnsummed(view, ipAt, isV4, upper.at, tcpLen)) return false;
  virtio.writeSuper(
    view,
    frameAt - virtio.HEADER_LEN,
    isV4 ? virtio.GsoType.tcp4 : virtio.GsoType.tcp6,
    ipAt - frameAt + headerLen,
    segmentLen,
    upper.at - frameAt,
    tcp.CHECKSUM_AT,
  );
  return true;
}

/** Takes a right checksum back to the pseudo header's sum: a wrong one must not be made right. @returns Whether it was right. */
function leaveUnsummed(view: DataView, ipAt: number, isV4: boolean, tcpAt: number, tcpLen: number): boolean {
  const pseudo = isV4
    ? sumPseudo4(view, ipAt, IpProtocol.tcp, tcpLen)
    : sumPseudo6(view, ipAt, IpProtocol.tcp, tcpLen);
  const undone = fold(pseudo);
  if (tcp.checksumField(view, tcpAt) === undone) return true;
  if (checksum(pseudo + sumBytes(view, tcpAt, tcpLen)) !== 0) return false;
  tcp.setChecksum(view, tcpAt, undone);
  return true;
}
