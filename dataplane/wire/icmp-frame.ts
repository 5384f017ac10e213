/** The answer to an Ethernet frame that holds too large a packet. */
import * as ethernet from './ethernet.ts';
import { writePacketTooBig } from './icmp.ts';
import { ipVersion } from './ip.ts';

/**
 * Writes the ICMP error that tells the sender of a frame which size passes, as if the station that
 * the frame is for had sent it: a switch has no address of its own. VLAN tags are kept.
 *
 * @param frameLen    Bytes of the frame.
 * @param maxFrameLen The largest that passes, in bytes.
 * @param outAt       Where MAX_ANSWER_LEN and ethernet.MAX_HEADER_LEN bytes are free; they must not
 *                    overlap the frame.
 * @returns           Length of the answer frame; 0 when none may be sent.
 * @see RFC 1191, RFC 8201
 */
export function writePacketTooBigFrame(
  view: DataView,
  frameAt: number,
  frameLen: number,
  maxFrameLen: number,
  outAt: number,
): number {
  const typeAt = ethernet.typeAt(view, frameAt, frameLen);
  if (typeAt < 0) return 0;
  const destinationAt = frameAt + ethernet.DESTINATION_AT;
  if (ethernet.isGroupAddress(view, destinationAt)) return 0;
  const packetAt = typeAt + ethernet.TYPE_LEN;
  const headerLen = packetAt - frameAt;
  const packetLen = frameLen - headerLen;
  if (packetLen === 0 || view.getUint16(typeAt) !== typeOf(ipVersion(view, packetAt))) return 0;
  const len = writePacketTooBig(view, packetAt, packetLen, maxFrameLen - headerLen, -1, outAt + headerLen);
  if (len === 0) return 0;
  const high = ethernet.addressHigh(view, destinationAt);
  const low = ethernet.addressLow(view, destinationAt);
  return ethernet.writeAnswerHeader(view, frameAt, typeAt, outAt, high, low) + len;
}

/** EtherType of packets of an IP version; 0 for other versions. */
function typeOf(version: number): number {
  if (version === 4) return ethernet.EtherType.ipv4;
  return version === 6 ? ethernet.EtherType.ipv6 : 0;
}
