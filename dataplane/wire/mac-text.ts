/** MAC addresses as text: six octets in hex with colons. */

/** The address bits in transmission order. */
export interface MacAddress {
  /** First 16 bits, unsigned. */
  readonly hi: number;
  /** Last 32 bits, signed. */
  readonly lo: number;
}

const OCTETS = /^[0-9a-f]{2}(?:([:-])[0-9a-f]{2})(?:\1[0-9a-f]{2}){4}$/i;

/**
 * Reads `02:42:ac:11:00:02`, or with dashes as IEEE 802 writes it.
 *
 * @returns null when the text is no MAC address.
 */
export function parseMac(text: string): MacAddress | null {
  if (!OCTETS.test(text)) return null;
  const digits = text.replaceAll(/[:-]/g, '');
  return { hi: Number.parseInt(digits.slice(0, 4), 16), lo: Number.parseInt(digits.slice(4), 16) | 0 };
}

/** Lower case with colons, as `ip link` prints it. */
export function formatMac({ hi, lo }: MacAddress): string {
  const digits = hi.toString(16).padStart(4, '0') + (lo >>> 0).toString(16).padStart(8, '0');
  return digits.replaceAll(/..(?!$)/g, '$&:');
}
