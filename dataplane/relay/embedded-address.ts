/** IPv6 addresses that carry an IPv4 address, which a translator on the way would send to. */

const WELL_KNOWN_NAT64 = 0x0064_ff9b;
const MAPPED = 0x0000_ffff;
const TEREDO = 0x2001_0000;
const SIX_TO_FOUR = 0x2002;
/** Interface identifiers 0000:5efe and, with the universal bit, 0200:5efe. */
const ISATAP = 0x0000_5efe;
const UNIVERSAL_BIT = 0x0200_0000;

/**
 * Offset of the IPv4 address in an IPv6 address, −1 where there is none.
 *
 * IPv4-mapped (RFC 4291 §2.5.5.2), NAT64 (RFC 6052), 6to4 (RFC 3056), the server of
 * Teredo (RFC 4380), ISATAP (RFC 5214). Nobody translates
 * IPv4-compatible addresses any more, and loopback is among them.
 *
 * @param at Offset of 16 bytes.
 */
export function embeddedV4At(view: DataView, at: number): number {
  const w0 = view.getInt32(at);
  const w1 = view.getInt32(at + 4);
  const w2 = view.getInt32(at + 8);
  const lastAt = at + 12;
  if (w0 === 0 && w1 === 0 && w2 === MAPPED) return lastAt;
  if (w0 === WELL_KNOWN_NAT64 && w1 === 0 && w2 === 0) return lastAt;
  if (w0 >>> 16 === SIX_TO_FOUR) return at + 2;
  if (w0 === TEREDO) return at + 4;
  return (w2 & ~UNIVERSAL_BIT) === ISATAP ? lastAt : -1;
}
