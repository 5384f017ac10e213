/** A sealed frame taken apart as the protocol's description says, independently of the product. */

export interface SealedFrame {
  /** 0x0800, 0x86dd, 0x6558 for Ethernet, or 0 for a keepalive. */
  readonly protocolType: number;
  readonly vni: number;
  readonly spi: number;
  readonly counter: bigint;
  /** Inner packet and tag. */
  readonly body: Buffer;
}

const HEADER_LEN = 32;
const TAG_LEN = 16;
/** What a sealed frame is longer than its inner packet. */
export const OVERHEAD_LEN = HEADER_LEN + TAG_LEN;

const PROTOCOL_TYPES: readonly number[] = [0, 0x0800, 0x86dd, 0x6558];
/** Class 0xff00, type 0x81 (critical), one word. */
const SPI_OPTION = 0xff008101;
/** Class 0xff00, type 0x82 (critical), three words. */
const COUNTER_OPTION = 0xff008203;

/**
 * Takes a UDP payload apart and checks every byte of its header.
 *
 * @throws {Error} naming the field that is not as described.
 */
export function parseSealed(payload: Buffer): SealedFrame {
  if (payload.length < OVERHEAD_LEN) throw new Error(`a frame of ${payload.length} bytes`);
  require('version and option length', payload.readUInt8(0), 0x06);
  require('flags', payload.readUInt8(1), 0x40);
  const protocolType = payload.readUInt16BE(2);
  if (!PROTOCOL_TYPES.includes(protocolType)) require('protocol type', protocolType, 0x0800);
  require('reserved byte', payload.readUInt8(7), 0);
  require('header of the SPI option', payload.readUInt32BE(8), SPI_OPTION);
  require('header of the counter option', payload.readUInt32BE(16), COUNTER_OPTION);
  const spi = payload.readUInt32BE(12);
  require('SPI in the nonce', payload.readUInt32BE(20), spi);
  const body = payload.subarray(HEADER_LEN);
  if (protocolType === 0) require('length of a keepalive', payload.length, OVERHEAD_LEN);
  else if (body.length <= TAG_LEN) throw new Error('an inner packet of no bytes that is no keepalive');
  return { protocolType, vni: payload.readUIntBE(4, 3), spi, counter: payload.readBigUInt64BE(24), body };
}

function require(field: string, got: number, expected: number): void {
  if (got !== expected) throw new Error(`${field}: 0x${got.toString(16)} for 0x${expected.toString(16)}`);
}

/** Master-key index: generation & 1. */
export function masterKeyIndex(spi: number): number {
  return spi >>> 31;
}

/** Role of the receiver, who allocated the SPI: 0 initiator, 1 responder. */
export function allocatorRole(spi: number): number {
  return (spi >>> 30) & 1;
}

/**
 * What a receiver must say of a frame that no peer sealed, slow and plain.
 *
 * @param vni  The receiver's network.
 * @param spis Its live receive SPIs.
 * @returns Reason of the drop.
 */
export function reasonForForgery(frame: Buffer, vni: number, spis: ReadonlySet<number>): string {
  if (frame.length < 8) return 'malformed';
  const optionsLen = (frame.readUInt8(0) & 0x3f) * 4;
  if (frame.readUInt8(0) >> 6 !== 0) return 'malformed';
  if (frame.length < 8 + optionsLen + TAG_LEN) return 'malformed';
  if ((frame.readUInt8(1) & 0x80) !== 0) return 'malformed'; // a control packet, RFC 8926 §3.4
  if (frame.readUIntBE(4, 3) !== vni) return 'unknown_vni';
  const options = walkOptions(frame.subarray(8, 8 + optionsLen));
  if (typeof options === 'string') return options;
  if (!spis.has(options.spi)) return 'unknown_spi';
  return options.nonceSpi === options.spi ? 'auth_failed' : 'spi_mismatch';
}

function walkOptions(options: Buffer): string | { readonly spi: number; readonly nonceSpi: number } {
  let spi: number | null = null;
  let nonceSpi: number | null = null;
  for (let rest = options; rest.length > 0; ) {
    const len = 4 + (rest.readUInt8(3) & 0x1f) * 4;
    if (rest.length < len) return 'malformed';
    const [kind, type] = [rest.readUIntBE(0, 3), rest.readUInt8(2)];
    if (kind === 0xff0081 || kind === 0xff0082) {
      const isSpi = kind === 0xff0081;
      if (len !== (isSpi ? 8 : 16)) return 'missing_option';
      if ((isSpi ? spi : nonceSpi) !== null) return 'malformed';
      if (isSpi) spi = rest.readUInt32BE(4);
      else nonceSpi = rest.readUInt32BE(4);
    } else if ((type & 0x80) !== 0) {
      return 'unknown_option';
    }
    rest = rest.subarray(len);
  }
  return spi === null || nonceSpi === null ? 'missing_option' : { spi, nonceSpi };
}
