/**
 * What the two handshake messages carry inside their encrypted payloads.
 *
 *     message 1   TAI64N label (12) ‖ flags (1) ‖ lanes (1) ‖ VNI (3) [‖ ML-KEM-768 public key (1184)]
 *     message 2   flags (1) ‖ lanes (1) [‖ ML-KEM-768 ciphertext (1088)]
 *
 * Bit 0 of the flags says that the bracketed part is there; the others are 0. Lanes count the
 * sender's own send lanes, 1 to 64. The VNI, 1 to 2^24 − 1, big endian, is the network that the
 * connection is for: a peer has a connection in each network.
 */
import { KEM_CIPHERTEXT_LEN, KEM_PUBLIC_LEN } from '../crypto/hybrid.ts';
import { TAI64N_LEN } from './tai64n.ts';

/** Most send lanes a peer may have: bounds every SPI list. */
export const MAX_LANES = 64;

const FLAG_HYBRID = 0x01;
const NOTHING = new Uint8Array(0);
const OPTIONS_LEN = 2;
const VNI_AT = TAI64N_LEN + OPTIONS_LEN;
const VNI_LEN = 3;
const MAX_VNI = 0xffffff;

export interface Payload2 {
  readonly lanes: number;
  /** Public key in message 1, ciphertext in message 2; null without the hybrid. */
  readonly kem: Uint8Array | null;
}

export interface Payload1 extends Payload2 {
  readonly timestamp: Uint8Array;
  readonly vni: number;
}

/** @throws {RangeError} when the VNI is none. */
export function encodePayload1(payload: Payload1): Uint8Array {
  const { timestamp, vni, kem } = payload;
  if (!Number.isInteger(vni) || vni < 1 || vni > MAX_VNI) {
    throw new RangeError(`Cannot connect in the network with VNI ${vni}: expected 1 to ${MAX_VNI}`);
  }
  const vniBytes = Uint8Array.of(vni >> 16, vni >> 8, vni);
  return new Uint8Array(Buffer.concat([timestamp, encodeOptions(payload), vniBytes, kem ?? NOTHING]));
}

export function encodePayload2(payload: Payload2): Uint8Array {
  return new Uint8Array(Buffer.concat([encodeOptions(payload), payload.kem ?? NOTHING]));
}

function encodeOptions({ kem, lanes }: Payload2): Uint8Array {
  return Uint8Array.of(kem === null ? 0 : FLAG_HYBRID, lanes);
}

/** @returns null when the payload is not of this form. */
export function decodePayload1(bytes: Uint8Array): Payload1 | null {
  const options = bytes.subarray(TAI64N_LEN, VNI_AT);
  const [high, middle, low] = bytes.subarray(VNI_AT);
  if (high === undefined || middle === undefined || low === undefined) return null;
  const vni = (high << 16) | (middle << 8) | low;
  const payload = decodeOptions(options, bytes.slice(VNI_AT + VNI_LEN), KEM_PUBLIC_LEN);
  if (payload === null || vni === 0) return null;
  return { timestamp: bytes.slice(0, TAI64N_LEN), vni, ...payload };
}

/** @returns null when the payload is not of this form. */
export function decodePayload2(bytes: Uint8Array): Payload2 | null {
  return decodeOptions(bytes, bytes.slice(OPTIONS_LEN), KEM_CIPHERTEXT_LEN);
}

/** @param kem What stands behind all options. */
function decodeOptions(options: Uint8Array, kem: Uint8Array, kemLen: number): Payload2 | null {
  const [flags, lanes] = options;
  if (flags === undefined || lanes === undefined || lanes < 1 || lanes > MAX_LANES) return null;
  if (flags === 0) return kem.length === 0 ? { lanes, kem: null } : null;
  return flags === FLAG_HYBRID && kem.length === kemLen ? { lanes, kem } : null;
}
