/**
 * The key schedule: handshake → root → master and control keys → one key per SA.
 *
 * @see RFC 5869, NIST SP 800-108, PSP Architecture Specification ("Key derivation")
 */
import { hkdf } from '@noble/hashes/hkdf.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { keyLen, type Suite } from '../../dataplane/contract.ts';
import { aesCmac } from './cmac.ts';

/** Length of a root, a master key and a control key, in bytes. */
const SECRET_LEN = 32;
/** Output of one CMAC, in bytes. */
const BLOCK_LEN = 16;
/** Input of the SA key derivation: block number ‖ label ‖ SPI ‖ key bits, 4 bytes each. */
const At = { block: 0, label: 4, spi: 8, keyBits: 12, end: 16 } as const;
const LABEL_AES_128 = 0x50763000; // "Pv0\0"
const LABEL_AES_256 = 0x50763100; // "Pv1\0"

const INFO = {
  root: Buffer.from('icx root v1'),
  masterKeys: Buffer.from('icx psp master keys v1'),
  controlKeys: Buffer.from('icx control keys v1'),
} as const;

/** Two device master keys of the PSP derivation, 32 bytes each; bit 31 of an SPI selects one. */
export interface MasterKeys {
  readonly mk0: Uint8Array;
  readonly mk1: Uint8Array;
}

/** Keys that seal control messages, 32 bytes each, by direction. */
export interface ControlKeys {
  readonly initiatorKey: Uint8Array;
  readonly responderKey: Uint8Array;
}

/** HKDF-SHA-256; an empty salt counts as none. @see RFC 5869 §2 */
export function hkdfSha256(
  ikm: Uint8Array,
  salt: Uint8Array,
  info: Uint8Array,
  lengthBytes: number,
): Uint8Array {
  return hkdf(sha256, ikm, salt, info, lengthBytes);
}

/**
 * Root of one handshake, 32 bytes: secret as long as either X25519 or ML-KEM holds.
 *
 * @param chainingKey   Noise ck after the last message, 32 bytes.
 * @param handshakeHash Noise h after the last message, 32 bytes; binds keys to the transcript.
 * @param kemSecret     ML-KEM-768 shared secret, 32 bytes; empty without the hybrid.
 */
export function deriveRoot(
  chainingKey: Uint8Array,
  handshakeHash: Uint8Array,
  kemSecret: Uint8Array,
): Uint8Array {
  const ikm = new Uint8Array(chainingKey.length + kemSecret.length);
  ikm.set(chainingKey);
  ikm.set(kemSecret, chainingKey.length);
  const root = hkdfSha256(ikm, handshakeHash, INFO.root, SECRET_LEN);
  ikm.fill(0);
  return root;
}

/** @param root 32 bytes, left to the caller. */
export function deriveMasterKeys(root: Uint8Array): MasterKeys {
  const [mk0, mk1] = splitPair(hkdfSha256(root, new Uint8Array(), INFO.masterKeys, 2 * SECRET_LEN));
  return { mk0, mk1 };
}

/** @param root 32 bytes, left to the caller. */
export function deriveControlKeys(root: Uint8Array): ControlKeys {
  const [initiatorKey, responderKey] = splitPair(
    hkdfSha256(root, new Uint8Array(), INFO.controlKeys, 2 * SECRET_LEN),
  );
  return { initiatorKey, responderKey };
}

function splitPair(both: Uint8Array): [Uint8Array, Uint8Array] {
  const pair: [Uint8Array, Uint8Array] = [both.slice(0, SECRET_LEN), both.slice(SECRET_LEN)];
  both.fill(0);
  return pair;
}

/**
 * Key of one SA, 16 or 32 bytes after the suite.
 *
 * Both ends derive it alone from the SPI, which is why the SPI may travel and the key never does.
 *
 * @param spi Unsigned 32 bits, not 0.
 * @throws {RangeError} for an SPI outside that range, and for a master key that was overwritten:
 *   the derived key would be known to everyone.
 * @see NIST SP 800-108 §4.1 (counter mode), PSP Architecture Specification
 */
export function deriveSaKey(masterKeys: MasterKeys, spi: number, suite: Suite): Uint8Array {
  if (!Number.isInteger(spi) || spi <= 0 || spi > 0xffffffff) {
    throw new RangeError(`Cannot derive a key for SPI ${spi}: expected 1 to 4294967295`);
  }
  const masterKey = spi >= 0x80000000 ? masterKeys.mk1 : masterKeys.mk0;
  if (masterKey.every((byte) => byte === 0)) throw new RangeError('Cannot derive from an overwritten key');
  const key = new Uint8Array(keyLen(suite));
  const input = new DataView(new ArrayBuffer(At.end));
  input.setUint32(At.label, key.length === 32 ? LABEL_AES_256 : LABEL_AES_128);
  input.setUint32(At.spi, spi);
  input.setUint32(At.keyBits, key.length * 8);
  for (let block = 0; block * BLOCK_LEN < key.length; block++) {
    input.setUint32(At.block, block + 1);
    const output = aesCmac(masterKey, new Uint8Array(input.buffer));
    key.set(output, block * BLOCK_LEN);
    output.fill(0);
  }
  return key;
}
