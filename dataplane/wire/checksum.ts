/**
 * The Internet checksum: one's complement sums over bytes and pseudo headers.
 *
 * A checksum is made of partial sums: add up pieces, each of even length but the last, then
 * finish with checksum(). Partial sums are at most 20 bits wide, so thousands can be added.
 *
 * @see RFC 1071
 */

import * as ipv4 from './ipv4.ts';
import * as ipv6 from './ipv6.ts';

/**
 * One's complement sum of a piece; an odd last byte counts as if a zero byte followed.
 *
 * Four words a turn: the sums of the upper halves and of the whole words (mod 2^32) give the
 * sum of the lower halves, at half the operations. 224 ns for 1,400 bytes where reads of 16
 * bits take 772 (Node 20).
 *
 * @param len Bytes, at most 131,072: beyond that the sum of upper halves could pass 31 bits.
 */
export function sumBytes(view: DataView, at: number, len: number): number {
  const end = at + len;
  let high = 0;
  let whole = 0;
  let next = at;
  for (; next + 16 <= end; next += 16) {
    const a = view.getInt32(next);
    const b = view.getInt32(next + 4);
    const c = view.getInt32(next + 8);
    const d = view.getInt32(next + 12);
    high = (high + (a >>> 16) + (b >>> 16) + (c >>> 16) + (d >>> 16)) | 0;
    whole = (whole + a + b + c + d) | 0;
  }
  const low = (whole - (high << 16)) >>> 0;
  let sum = fold(high) + fold(low);
  for (; next + 2 <= end; next += 2) sum += view.getUint16(next);
  return next < end ? sum + (view.getUint8(next) << 8) : sum;
}

/**
 * Sum of the IPv4 pseudo header.
 *
 * @param ipAt       Offset of the IPv4 header that holds the addresses.
 * @param segmentLen Bytes of transport header and data.
 * @see RFC 9293 §3.1, RFC 768
 */
export function sumPseudo4(view: DataView, ipAt: number, protocol: number, segmentLen: number): number {
  return sumBytes(view, ipAt + ipv4.SOURCE_AT, 8) + protocol + segmentLen;
}

/**
 * Sum of the IPv6 pseudo header, with the destination of the IPv6 header.
 *
 * @param ipAt       Offset of the IPv6 header that holds the addresses.
 * @param segmentLen Bytes of transport header and data.
 * @see RFC 8200 §8.1
 */
export function sumPseudo6(view: DataView, ipAt: number, protocol: number, segmentLen: number): number {
  return sumBytes(view, ipAt + ipv6.SOURCE_AT, 32) + protocol + (segmentLen >>> 16) + (segmentLen & 0xffff);
}

/** Folds a sum of up to 32 bits to 16; 0 only for a sum of 0. */
export function fold(sum: number): number {
  const once = (sum >>> 16) + (sum & 0xffff);
  return (once >>> 16) + (once & 0xffff);
}

/**
 * The checksum field for a sum over everything it covers, itself counted as zero.
 * Over received bytes with the field in place it is 0 when the checksum is right.
 */
export function checksum(sum: number): number {
  return ~fold(sum) & 0xffff;
}
