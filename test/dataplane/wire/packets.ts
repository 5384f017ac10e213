/** IPv4 and IPv6 packets in hex, from 10.77.0.1 or fd77::1 to 10.77.0.2 or fd77::2. */

/** UDP 49152 > 53 with 4 bytes of data, 32 bytes in all. */
export const V4 = '45000020 00010000 40116630 0a4d0001 0a4d0002 c0000035000c0000 deadbeef';

/** A UDP header without data. */
export const UDP = 'c0000035 00080000';

/** An IPv6 packet with this payload. */
export function v6Packet(nextHeader: number, payload: string): string {
  const len = payload.replaceAll(' ', '').length / 2;
  const hex = (value: number, bytes: number) => value.toString(16).padStart(bytes * 2, '0');
  const addresses = `fd77${'00'.repeat(13)}01 fd77${'00'.repeat(13)}02`;
  return `60000000 ${hex(len, 2)} ${hex(nextHeader, 1)} 40 ${addresses} ${payload}`;
}
