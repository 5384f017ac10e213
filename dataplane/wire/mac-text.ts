/** Ethernet addresses as text: six octets in hexadecimal, joined by colons. */

/** An address in numbers, as wire/ethernet.ts has them. */
export interface MacAddress {
  /** Upper 16 bits. */
  readonly high: number;
  /** Lower 32 bits, signed. */
  readonly low: number;
}

const OCTETS = /^[0-9a-f]{2}(?:([:-])[0-9a-f]{2})(?:\1[0-9a-f]{2}){4}$/i;

/**
 * Reads `02:42:ac:11:00:02`, or with dashes as IEEE 802 writes it.
 *
 * @returns null when the text is no address.
 */
export function parseMac(text: string): MacAddress | null {
  if (!OCTETS.test(text)) return null;
  const digits = text.replaceAll(/[:-]/g, '');
  return { high: Number.parseInt(digits.slice(0, 4), 16), low: Number.parseInt(digits.slice(4), 16) | 0 };
}

/** Lower case with colons, as `ip link` prints it. */
export function formatMac(high: number, low: number): string {
  const octets = [high >>> 8, high, low >>> 24, low >>> 16, low >>> 8, low];
  return octets.map((octet) => (octet & 0xff).toString(16).padStart(2, '0')).join(':');
}
