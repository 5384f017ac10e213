/**
 * Geneve base header and the two options that make a packet a sealed one.
 *
 *     0  base header   version, option length, flags, protocol type, VNI
 *     8  KeyEpoch      class 0xff00, type 0x81, 1 word:  SPI
 *    16  TxCounter     class 0xff00, type 0x82, 3 words: nonce = SPI ‖ 64-bit counter
 *
 * KeyEpoch and TxCounter are the names on the wire; elsewhere they are the SPI and the nonce.
 * All integers are big endian. Offsets named `at` point to the base header.
 *
 * @see RFC 8926 §3.4, §3.5
 */

/** UDP port of Geneve. @see RFC 8926 §3.3 */
export const GENEVE_PORT = 6081;
/** Bytes of the base header. */
export const BASE_LEN = 8;
/** Bytes of base header and both options: what precedes the ciphertext, and its AAD. */
export const SEALED_HEADER_LEN = 32;
/** Bytes of the AES-GCM tag behind the ciphertext. */
export const TAG_LEN = 16;
/** Largest VNI; 0 is reserved. */
export const MAX_VNI = 0xffffff;

/** What the inner packet is: an EtherType, or 0 for a keepalive without inner packet. */
export const ProtocolType = { keepalive: 0, ipv4: 0x0800, ipv6: 0x86dd, ethernet: 0x6558 } as const;
export type ProtocolType = (typeof ProtocolType)[keyof typeof ProtocolType];

/** Why the options of a packet can't be used. */
export const OptionFault = { none: 0, malformed: 1, unknownCritical: 2, missing: 3, badLength: 4 } as const;
export type OptionFault = (typeof OptionFault)[keyof typeof OptionFault];

/** What findOptions() found; made once by the caller and written for every packet. */
export interface GeneveOptions {
  spi: number;
  /** Offset of the 12-byte nonce in the view. */
  nonceAt: number;
}

/** Byte offsets from the start of the base header. @see RFC 8926 §3.4 */
const At = { verOptLen: 0, flags: 1, protocolType: 2, vni: 4 } as const;
/** Byte offsets from the start of an option. @see RFC 8926 §3.5 */
const OptionAt = { class: 0, type: 2, length: 3, value: 4 } as const;
/** Byte offsets of the options as this sender places them. */
const KEY_EPOCH_AT = 8;
const TX_COUNTER_AT = 16;
const NONCE_COUNTER_AT = 4;

const LENGTH_UNIT = 4;
const OPTION_HEADER_LEN = 4;
const OPT_LEN_MASK = 0x3f;
const OPTION_LENGTH_MASK = 0x1f;
const FLAG_CONTROL = 0x80;
const FLAG_CRITICAL = 0x40;
const OPTION_CRITICAL = 0x80;

/** First word of each option: class, type, length in words. */
const KEY_EPOCH_HEADER = 0xff008101;
const TX_COUNTER_HEADER = 0xff008203;
/** Class and type without the length. */
const KEY_EPOCH_KIND = 0xff0081;
const TX_COUNTER_KIND = 0xff0082;
const KEY_EPOCH_LEN = 4;
const TX_COUNTER_LEN = 12;

/** Upper halves of counters from here on exceed Number.MAX_SAFE_INTEGER. */
const UNSAFE_COUNTER_HIGH = 0x200000;
const TWO_POW_32 = 0x1_0000_0000;

/** Protocol version, 0 to 3; only 0 is defined. The caller guarantees BASE_LEN bytes, here and below. */
export function version(view: DataView, at: number): number {
  return view.getUint8(at + At.verOptLen) >>> 6;
}

/** Length of the options, 0 to 252 bytes. */
export function optionsLen(view: DataView, at: number): number {
  return (view.getUint8(at + At.verOptLen) & OPT_LEN_MASK) * LENGTH_UNIT;
}

/** Length of base header plus options, in bytes. */
export function headerLen(view: DataView, at: number): number {
  return BASE_LEN + optionsLen(view, at);
}

/** Whether the O bit marks a control packet, which carries no user data. */
export function isControl(view: DataView, at: number): boolean {
  return (view.getUint8(at + At.flags) & FLAG_CONTROL) !== 0;
}

/** The protocol type field; any 16-bit value can come. */
export function protocolType(view: DataView, at: number): number {
  return view.getUint16(at + At.protocolType);
}

/** Virtual network identifier, 0 to MAX_VNI. The reserved byte behind it is ignored. */
export function vni(view: DataView, at: number): number {
  return view.getUint32(at + At.vni) >>> 8;
}

/**
 * Walks every option and finds the SPI and the nonce.
 *
 * Options of other classes are skipped unless critical (RFC 8926 §3.5). An option that comes
 * twice is malformed: of two nonces, sender and receiver might use different ones. The C bit
 * of the base header is not consulted, since both options are required anyway. The first
 * fault in walk order is returned.
 *
 * @param len What headerLen() returned; the caller guarantees that so many bytes are there.
 * @param out Written only when the result is `none`.
 */
export function findOptions(view: DataView, at: number, len: number, out: GeneveOptions): OptionFault {
  const end = at + len;
  let spiAt = 0;
  let nonceAt = 0;
  for (let next = at + BASE_LEN; next < end; ) {
    const valueAt = next + OptionAt.value;
    const valueLen = (view.getUint8(next + OptionAt.length) & OPTION_LENGTH_MASK) * LENGTH_UNIT;
    if (valueAt + valueLen > end) return OptionFault.malformed;
    const kind = view.getUint32(next + OptionAt.class) >>> 8;
    if (kind === KEY_EPOCH_KIND) {
      if (valueLen !== KEY_EPOCH_LEN) return OptionFault.badLength;
      if (spiAt !== 0) return OptionFault.malformed;
      spiAt = valueAt;
    } else if (kind === TX_COUNTER_KIND) {
      if (valueLen !== TX_COUNTER_LEN) return OptionFault.badLength;
      if (nonceAt !== 0) return OptionFault.malformed;
      nonceAt = valueAt;
    } else if ((kind & OPTION_CRITICAL) !== 0) {
      return OptionFault.unknownCritical;
    }
    next += OPTION_HEADER_LEN + valueLen;
  }
  if (spiAt === 0 || nonceAt === 0) return OptionFault.missing;
  out.spi = view.getUint32(spiAt);
  out.nonceAt = nonceAt;
  return OptionFault.none;
}

/** Writes the 32 bytes before the ciphertext, all but the counter. */
export function writeSealedHeader(
  view: DataView,
  at: number,
  type: number,
  network: number,
  spi: number,
): void {
  view.setUint8(at + At.verOptLen, (SEALED_HEADER_LEN - BASE_LEN) / LENGTH_UNIT);
  view.setUint8(at + At.flags, FLAG_CRITICAL);
  view.setUint16(at + At.protocolType, type);
  view.setUint32(at + At.vni, network << 8);
  view.setUint32(at + KEY_EPOCH_AT, KEY_EPOCH_HEADER);
  view.setUint32(at + KEY_EPOCH_AT + OptionAt.value, spi);
  view.setUint32(at + TX_COUNTER_AT, TX_COUNTER_HEADER);
  view.setUint32(at + TX_COUNTER_AT + OptionAt.value, spi);
}

/** Offset from the base header of the nonce in a header by writeSealedHeader(). */
export const SEALED_NONCE_AT = TX_COUNTER_AT + OptionAt.value;

/** Writes the counter into a nonce. @param counter Integer from 0 to 2^53 − 1. */
export function writeCounter(view: DataView, nonceAt: number, counter: number): void {
  view.setUint32(nonceAt + NONCE_COUNTER_AT, counter / TWO_POW_32);
  view.setUint32(nonceAt + NONCE_COUNTER_AT + 4, counter);
}

/** Counter of a nonce; Infinity for one of 2^53 or more, which no sender may use and no number holds. */
export function readCounter(view: DataView, nonceAt: number): number {
  const high = view.getUint32(nonceAt + NONCE_COUNTER_AT);
  if (high >= UNSAFE_COUNTER_HIGH) return Number.POSITIVE_INFINITY;
  return high * TWO_POW_32 + view.getUint32(nonceAt + NONCE_COUNTER_AT + 4);
}

/** The SPI that the nonce begins with. */
export function nonceSpi(view: DataView, nonceAt: number): number {
  return view.getUint32(nonceAt);
}
