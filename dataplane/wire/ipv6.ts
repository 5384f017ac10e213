/** IPv6 header and the walk over extension headers. Offsets named `at` point to its first byte. @see RFC 8200 §3, §4 */

import { Fragment, IpProtocol, type UpperLayer } from './upper-layer.ts';

export const HEADER_LEN = 40;
export const ADDRESS_LEN = 16;
/** Every link carries packets of this size. @see RFC 8200 §5 */
export const MIN_MTU_BYTES = 1280;

/** Byte offsets from the start of the header. */
export const SOURCE_AT = 8;
export const DESTINATION_AT = 24;
const At = { version: 0, payloadLen: 4, nextHeader: 6, hopLimit: 7 } as const;
/** Byte offsets from the start of an extension header. */
const ExtensionAt = { nextHeader: 0, length: 1, fragmentOffset: 2 } as const;

const MIN_EXTENSION_LEN = 8;
const FRAGMENT_OFFSET_MASK = 0xfff8;
/** More than any real packet has; without a bound 64 KB of headers would be walked. */
const MAX_EXTENSIONS = 8;

/**
 * Whether `len` bytes hold one whole IPv6 packet; bytes behind its payload may follow.
 * Jumbograms (RFC 2675) do not occur below an MTU of 64 KB and count as empty packets.
 */
export function checkPacket(view: DataView, at: number, len: number): boolean {
  if (len < HEADER_LEN || view.getUint8(at + At.version) >>> 4 !== 6) return false;
  return totalLen(view, at) <= len;
}

/** Length of header and payload, in bytes. The caller guarantees HEADER_LEN bytes, here and below. */
export function totalLen(view: DataView, at: number): number {
  return HEADER_LEN + view.getUint16(at + At.payloadLen);
}

/** Version, traffic class and flow label, as a signed number. */
export function versionClassFlow(view: DataView, at: number): number {
  return view.getInt32(at + At.version);
}

/** Traffic class, whose lower two bits are ECN. */
export function trafficClass(view: DataView, at: number): number {
  return (view.getUint16(at + At.version) >>> 4) & 0xff;
}

export function setTrafficClass(view: DataView, at: number, value: number): void {
  const others = view.getUint16(at + At.version) & 0xf00f;
  view.setUint16(at + At.version, others | (value << 4));
}

export function hopLimit(view: DataView, at: number): number {
  return view.getUint8(at + At.hopLimit);
}

/** Takes a hop off a packet's limit. @returns false, with nothing changed, when none is left. @see RFC 8200 §3 */
export function takeHop(view: DataView, at: number): boolean {
  const hops = hopLimit(view, at);
  if (hops <= 1) return false;
  view.setUint8(at + At.hopLimit, hops - 1);
  return true;
}

/** Protocol of what follows the header: an extension or the transport. */
export function nextHeader(view: DataView, at: number): number {
  return view.getUint8(at + At.nextHeader);
}

/**
 * Walks the extension headers of a packet that checkPacket() passed.
 *
 * @returns false, with `out` undefined, when the chain runs past the packet or is longer than
 *          eight headers: the transport is then unknown.
 */
export function findUpperLayer(view: DataView, at: number, out: UpperLayer): boolean {
  const end = at + totalLen(view, at);
  let next = at + HEADER_LEN;
  let header = nextHeader(view, at);
  out.fragment = Fragment.none;
  for (let count = 0; count <= MAX_EXTENSIONS; count++) {
    if (!isExtension(header) || out.fragment === Fragment.later) {
      out.protocol = header;
      out.at = next;
      return true;
    }
    if (next + MIN_EXTENSION_LEN > end) return false;
    if (header === IpProtocol.fragment) out.fragment = fragment(view, next);
    const len = extensionLen(view, next, header);
    header = view.getUint8(next + ExtensionAt.nextHeader);
    next += len;
    if (next > end) return false;
  }
  return false;
}

function isExtension(header: number): boolean {
  switch (header) {
    case IpProtocol.hopByHop:
    case IpProtocol.routing:
    case IpProtocol.fragment:
    case IpProtocol.authentication:
    case IpProtocol.destinationOptions:
    case IpProtocol.mobility:
    case IpProtocol.hostIdentity:
    case IpProtocol.shim6:
      return true;
    default:
      return false;
  }
}

/** @see RFC 8200 §4.5 for fragment, RFC 4302 §2.2 for authentication, RFC 6564 §4 for the others */
function extensionLen(view: DataView, at: number, header: number): number {
  if (header === IpProtocol.fragment) return 8;
  const length = view.getUint8(at + ExtensionAt.length);
  return header === IpProtocol.authentication ? (length + 2) * 4 : (length + 1) * 8;
}

/** An offset of 0 without more fragments is an atomic fragment: a whole packet. @see RFC 6946 */
function fragment(view: DataView, at: number): Fragment {
  const field = view.getUint16(at + ExtensionAt.fragmentOffset);
  if ((field & FRAGMENT_OFFSET_MASK) !== 0) return Fragment.later;
  return (field & 1) !== 0 ? Fragment.first : Fragment.none;
}

export function setPayloadLen(view: DataView, at: number, value: number): void {
  view.setUint16(at + At.payloadLen, value);
}

/** Writes a header without addresses. */
export function writeHeader(
  view: DataView,
  at: number,
  fields: { payloadLen: number; nextHeader: number; hopLimit: number },
): void {
  view.setUint32(at + At.version, 0x60000000);
  view.setUint16(at + At.payloadLen, fields.payloadLen);
  view.setUint8(at + At.nextHeader, fields.nextHeader);
  view.setUint8(at + At.hopLimit, fields.hopLimit);
}
