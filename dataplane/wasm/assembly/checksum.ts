/**
 * The Internet checksum with SIMD.
 *
 * Sums are of 16-bit words in the machine's (little-endian) order, which gives the checksum in
 * that order too: it is stored as it is. Fields that are added by value are swapped.
 *
 * @see RFC 1071 §2 (B)
 */

/** Offsets of addresses from the start of an IP header. */
const IPV4_SOURCE_AT: usize = 12;
const IPV6_SOURCE_AT: usize = 8;

/** Sum of 16 bytes as four lanes. */
function sumLanes(lanes: v128): u64 {
  const pairs = i64x2.add(i64x2.extend_low_i32x4_u(lanes), i64x2.extend_high_i32x4_u(lanes));
  return i64x2.extract_lane(pairs, 0) + i64x2.extract_lane(pairs, 1);
}

/** Sum of `len` bytes, up to 2^20, before it is folded; an odd last byte counts as if a zero followed. */
export function sum(at: usize, len: usize): u64 {
  let a = i32x4.splat(0);
  let b = i32x4.splat(0);
  let c = i32x4.splat(0);
  let d = i32x4.splat(0);
  let next = at;
  for (const end = at + (len & ~63); next < end; next += 64) {
    a = i32x4.add(a, i32x4.extadd_pairwise_i16x8_u(v128.load(next)));
    b = i32x4.add(b, i32x4.extadd_pairwise_i16x8_u(v128.load(next, 16)));
    c = i32x4.add(c, i32x4.extadd_pairwise_i16x8_u(v128.load(next, 32)));
    d = i32x4.add(d, i32x4.extadd_pairwise_i16x8_u(v128.load(next, 48)));
  }
  for (const end = at + (len & ~15); next < end; next += 16) {
    a = i32x4.add(a, i32x4.extadd_pairwise_i16x8_u(v128.load(next)));
  }
  let total = sumLanes(i32x4.add(i32x4.add(a, b), i32x4.add(c, d)));
  const end = at + len;
  for (; next + 2 <= end; next += 2) total += load<u16>(next);
  return next < end ? total + load<u8>(next) : total;
}

/** A field of up to 16 bits, given by value, as it counts in a sum. */
export function swapped(value: u32): u64 {
  return bswap<u16>(value as u16);
}

/** Sum of the pseudo header of IPv4 or IPv6. @see RFC 768, RFC 8200 §8.1 */
export function sumPseudo(ipAt: usize, isV4: bool, protocol: u32, segmentLen: u32): u64 {
  const fixed = swapped(protocol) + swapped(segmentLen);
  if (isV4) return fixed + load<u32>(ipAt, IPV4_SOURCE_AT) + load<u32>(ipAt, IPV4_SOURCE_AT + 4);
  return fixed + sum(ipAt + IPV6_SOURCE_AT, 32);
}

/** Folds a sum to 16 bits; 0 only for a sum of 0. */
export function fold(sum: u64): u32 {
  const half = (sum & 0xffffffff) + (sum >> 32);
  let folded = (half & 0xffff) + ((half >> 16) & 0xffff) + (half >> 32);
  folded = (folded & 0xffff) + (folded >> 16);
  return ((folded & 0xffff) + (folded >> 16)) as u32;
}

/** The checksum field, to be stored as it is. Over bytes with their checksum it is 0 when that is right. */
export function checksum(sum: u64): u32 {
  return ~fold(sum) & 0xffff;
}
