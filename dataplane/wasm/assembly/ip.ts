/**
 * Finds the transport header of an IP packet. The twin of dataplane/wire/ipv4.ts and ipv6.ts.
 *
 * @see RFC 791 §3.1, RFC 8200 §3, §4
 */
import { get16 } from './bytes.ts';

export const IPV4_LEN: usize = 20;
export const IPV6_LEN: usize = 40;
export const TCP: u32 = 6;
export const UDP: u32 = 17;

export const Ipv4TotalLenAt: usize = 2;
export const Ipv4IdAt: usize = 4;
export const Ipv4FragmentAt: usize = 6;
export const Ipv4TtlAt: usize = 8;
export const Ipv4ProtocolAt: usize = 9;
export const Ipv4ChecksumAt: usize = 10;
export const Ipv4SourceAt: usize = 12;
export const Ipv6PayloadLenAt: usize = 4;
export const Ipv6NextHeaderAt: usize = 6;
export const Ipv6HopLimitAt: usize = 7;
export const Ipv6SourceAt: usize = 8;

export const IPV4_DONT_FRAGMENT: u32 = 0x4000;
/** More fragments, and the offset. */
export const IPV4_FRAGMENT_MASK: u32 = 0x3fff;
/** The offset, and more fragments. */
const IPV6_FRAGMENT_MASK: u32 = 0xfff9;
const FRAGMENT: u32 = 44;
const AUTHENTICATION: u32 = 51;
const MAX_EXTENSIONS: i32 = 8;

/** What `findUpper` found. */
export let isV4: bool = false;
export let totalLen: usize = 0;
/** Offset of the transport header from the start of the packet. */
export let upperAt: usize = 0;
export let protocol: u32 = 0;

/** @returns Whether `len` bytes hold a whole packet that is no fragment and has a transport header. */
export function findUpper(at: usize, len: usize): bool {
  const version = load<u8>(at) >> 4;
  isV4 = version === 4;
  if (isV4) return findInIpv4(at, len);
  return version === 6 && findInIpv6(at, len);
}

function findInIpv4(at: usize, len: usize): bool {
  if (len < IPV4_LEN) return false;
  upperAt = ((load<u8>(at) & 0x0f) as usize) << 2;
  totalLen = get16(at + Ipv4TotalLenAt);
  protocol = load<u8>(at, Ipv4ProtocolAt);
  if (upperAt < IPV4_LEN || totalLen < upperAt || totalLen > len) return false;
  return (get16(at + Ipv4FragmentAt) & IPV4_FRAGMENT_MASK) === 0;
}

function findInIpv6(at: usize, len: usize): bool {
  if (len < IPV6_LEN) return false;
  totalLen = IPV6_LEN + get16(at + Ipv6PayloadLenAt);
  if (totalLen > len) return false;
  let header: u32 = load<u8>(at, Ipv6NextHeaderAt);
  let next = IPV6_LEN;
  for (let count = 0; count <= MAX_EXTENSIONS; count++) {
    if (!isExtension(header)) {
      protocol = header;
      upperAt = next;
      return true;
    }
    if (next + 8 > totalLen) return false;
    if (header === FRAGMENT && (get16(at + next + 2) & IPV6_FRAGMENT_MASK) !== 0) return false;
    const extensionLen = lenOf(at + next, header);
    header = load<u8>(at + next);
    next += extensionLen;
    if (next > totalLen) return false;
  }
  return false;
}

/** Hop-by-hop, routing, fragment, authentication, destination options, mobility, HIP, shim6. */
function isExtension(header: u32): bool {
  return (
    header === 0 ||
    header === 43 ||
    header === FRAGMENT ||
    header === AUTHENTICATION ||
    header === 60 ||
    header === 135 ||
    header === 139 ||
    header === 140
  );
}

/** @see RFC 8200 §4.5 for fragment, RFC 4302 §2.2 for authentication, RFC 6564 §4 for the others */
function lenOf(at: usize, header: u32): usize {
  if (header === FRAGMENT) return 8;
  const length: usize = load<u8>(at, 1);
  return header === AUTHENTICATION ? (length + 2) << 2 : (length + 1) << 3;
}
