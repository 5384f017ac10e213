/** What a fragment's headers say, for both IP versions. @see RFC 791 §3.1, RFC 8200 §4.5 */
import { ipVersion, totalLen } from '../wire/ip.ts';
import * as ipv4 from '../wire/ipv4.ts';
import * as ipv6 from '../wire/ipv6.ts';
import { IpProtocol } from '../wire/upper-layer.ts';

/** Made once by the caller, and written for every fragment. */
export interface FragmentInfo {
  family: 4 | 6;
  /** Identification, a signed number. */
  id: number;
  /** Protocol of what was cut. */
  protocol: number;
  /** Offset in memory of its bytes, and how many there are. */
  at: number;
  len: number;
  /** Where they belong, in bytes from the start of what was cut. */
  offset: number;
  isLast: boolean;
}

export function createFragmentInfo(): FragmentInfo {
  return { family: 4, id: 0, protocol: 0, at: 0, len: 0, offset: 0, isLast: false };
}

const V4_FLAGS_AT = 6;
const V4_MORE = 0x2000;
const V4_OFFSET_MASK = 0x1fff;
const V6_OFFSET_MASK = 0xfff8;
const V6_MORE = 1;
const FRAGMENT_HEADER_LEN = 8;
/** Headers that may be in front of the fragment header. */
const MAX_EXTENSIONS = 8;

/**
 * Reads a packet that checkPacket() passed and of which findUpperLayer() said that it is a fragment.
 *
 * @returns false, with `out` undefined, where the fragment header is not found.
 */
export function readFragment(view: DataView, packetAt: number, out: FragmentInfo): boolean {
  const end = packetAt + totalLen(view, packetAt);
  if (ipVersion(view, packetAt) === 4) {
    const field = view.getUint16(packetAt + V4_FLAGS_AT);
    out.family = 4;
    out.id = ipv4.id(view, packetAt);
    out.protocol = ipv4.protocol(view, packetAt);
    out.at = packetAt + ipv4.headerLen(view, packetAt);
    out.offset = (field & V4_OFFSET_MASK) * 8;
    out.isLast = (field & V4_MORE) === 0;
  } else {
    const at = fragmentHeaderAt(view, packetAt, end);
    if (at < 0) return false;
    const field = view.getUint16(at + 2);
    out.family = 6;
    out.id = view.getInt32(at + 4);
    out.protocol = view.getUint8(at);
    out.at = at + FRAGMENT_HEADER_LEN;
    out.offset = field & V6_OFFSET_MASK;
    out.isLast = (field & V6_MORE) === 0;
  }
  out.len = end - out.at;
  return true;
}

/** Only these may be in front of it. @see RFC 8200 §4.5 */
function fragmentHeaderAt(view: DataView, packetAt: number, end: number): number {
  let at = packetAt + ipv6.HEADER_LEN;
  let header = ipv6.nextHeader(view, packetAt);
  for (let count = 0; count < MAX_EXTENSIONS && at + FRAGMENT_HEADER_LEN <= end; count++) {
    if (header === IpProtocol.fragment) return at;
    const isBefore =
      header === IpProtocol.hopByHop ||
      header === IpProtocol.routing ||
      header === IpProtocol.destinationOptions;
    if (!isBefore) return -1;
    header = view.getUint8(at);
    at += (view.getUint8(at + 1) + 1) * 8;
  }
  return -1;
}
