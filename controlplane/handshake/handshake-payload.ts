/**
 * What the two handshake messages carry inside their encrypted payloads.
 *
 *     message 1   TAI64N label (12) ‖ flags (1) ‖ lanes (1) [‖ ML-KEM-768 public key (1184)]
 *     message 2   flags (1) ‖ lanes (1) [‖ ML-KEM-768 ciphertext (1088)]
 *
 * Bit 0 of the flags says that the bracketed part is there; the others are 0. Lanes count the
 * sender's own send lanes, 1 to 64.
 */
import { KEM_CIPHERTEXT_LEN, KEM_PUBLIC_LEN } from '../crypto/hybrid.ts';
import { TAI64N_LEN } from './tai64n.ts';

/** Most send lanes a peer may have: bounds every SPI list. */
export const MAX_LANES = 64;

const FLAG_HYBRID = 0x01;
const OPTIONS_LEN = 2;

export interface Payload2 {
  readonly lanes: number;
  /** Public key in message 1, ciphertext in message 2; null without the hybrid. */
  readonly kem: Uint8Array | null;
}

export interface Payload1 extends Payload2 {
  readonly timestamp: Uint8Array;
}

export function encodePayload1(payload: Payload1): Uint8Array {
  return new Uint8Array(Buffer.concat([payload.timestamp, encodePayload2(payload)]));
}

export function encodePayload2(payload: Payload2): Uint8Array {
  const options = [payload.kem === null ? 0 : FLAG_HYBRID, payload.lanes];
  return Uint8Array.from(payload.kem === null ? options : [...options, ...payload.kem]);
}

/** @returns null when the payload is not of this form. */
export function decodePayload1(bytes: Uint8Array): Payload1 | null {
  const options = decodeOptions(bytes.subarray(TAI64N_LEN), KEM_PUBLIC_LEN);
  return options === null ? null : { timestamp: bytes.slice(0, TAI64N_LEN), ...options };
}

/** @returns null when the payload is not of this form. */
export function decodePayload2(bytes: Uint8Array): Payload2 | null {
  return decodeOptions(bytes, KEM_CIPHERTEXT_LEN);
}

function decodeOptions(bytes: Uint8Array, kemLen: number): Payload2 | null {
  const [flags, lanes] = bytes;
  if (flags === undefined || lanes === undefined || lanes < 1 || lanes > MAX_LANES) return null;
  const kem = bytes.slice(OPTIONS_LEN);
  if (flags === 0) return kem.length === 0 ? { lanes, kem: null } : null;
  return flags === FLAG_HYBRID && kem.length === kemLen ? { lanes, kem } : null;
}
