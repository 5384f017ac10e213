/** Tells the sender of a super-packet that a queue is full: by ECN where it takes that, else by a loss. */
import { ipVersion } from '../wire/ip.ts';
import * as ipv4 from '../wire/ipv4.ts';
import * as ipv6 from '../wire/ipv6.ts';
import * as virtio from '../wire/virtio-net.ts';

/** Both bits: congestion experienced. None: the sender does not take part. @see RFC 3168 §5 */
const ECN_MASK = 0x03;

/** Whether it is TCP data of a flow that sends more than single packets. */
export function isBulk(view: DataView, packetAt: number): boolean {
  const type = virtio.gsoType(view, packetAt - virtio.HEADER_LEN);
  return type === virtio.GsoType.tcp4 || type === virtio.GsoType.tcp6;
}

/**
 * Marks the super-packet at `packetAt`, before it is cut, which makes its checksums anew.
 *
 * @returns false, with nothing changed, when its sender takes no marks.
 */
export function mark(view: DataView, packetAt: number): boolean {
  if (ipVersion(view, packetAt) === 4) {
    const tos = ipv4.tos(view, packetAt);
    if ((tos & ECN_MASK) === 0) return false;
    ipv4.setTos(view, packetAt, tos | ECN_MASK);
  } else {
    const trafficClass = ipv6.trafficClass(view, packetAt);
    if ((trafficClass & ECN_MASK) === 0) return false;
    ipv6.setTrafficClass(view, packetAt, trafficClass | ECN_MASK);
  }
  return true;
}
