/** Answers what a relay does not carry: ICMP errors by what they mean, in either version. */
import { writeIcmpError } from '../wire/icmp.ts';
import { ipVersion } from '../wire/ip.ts';

/** What an ICMP error says; the numbers are places in the tables below. */
export const Refusal = {
  /** Nobody listens there. */
  port: 0,
  /** Only UDP is carried. */
  protocol: 1,
  /** A rule forbids it. */
  prohibited: 2,
  /** No route leads there. */
  network: 3,
  host: 4,
} as const;
export type Refusal = (typeof Refusal)[keyof typeof Refusal];

const V4_UNREACHABLE = 3;
const V6_UNREACHABLE = 1;
/** Codes of destination unreachable. @see RFC 792, RFC 1812 §5.2.7.1 */
const V4_CODES = Uint8Array.of(3, 2, 13, 0, 1);
/** IPv6 knows no unreachable protocol but in the host itself. @see RFC 4443 §3.1 */
const V6_CODES = Uint8Array.of(4, 1, 1, 0, 3);

/** As writeIcmpError() takes them. @returns Length of the answer, 0 when none may be sent. */
export function writeRefusal(
  view: DataView,
  packetAt: number,
  packetLen: number,
  refusal: Refusal,
  sourceAt: number,
  outAt: number,
): number {
  const isV4 = ipVersion(view, packetAt) === 4;
  const type = isV4 ? V4_UNREACHABLE : V6_UNREACHABLE;
  const code = (isV4 ? V4_CODES : V6_CODES)[refusal] ?? 0;
  return writeIcmpError(view, packetAt, packetLen, type, code, 0, sourceAt, outAt);
}
