/**
 * Long-term identities: an Ed25519 key pair with its X25519 image.
 *
 * One pinned Ed25519 key serves two layers: the transport pins it as it is, the handshake uses
 * its birational image (RFC 7748 §4.1), as libsodium's crypto_sign_ed25519_*_to_curve25519 does.
 */
import { ed25519, x25519 } from '@noble/curves/ed25519.js';
import { KEY_LEN, KeyError } from './key-text.ts';

/** All four forms of one identity; `seed` and `dhSecret` are secret. */
export interface Identity {
  /** Ed25519 private key, 32 bytes. @see RFC 8032 §5.1.5 */
  readonly seed: Uint8Array;
  /** Ed25519 public key, 32 bytes: what peers pin. */
  readonly publicKey: Uint8Array;
  /** X25519 private key, 32 bytes. */
  readonly dhSecret: Uint8Array;
  /** X25519 public key, 32 bytes: the Noise static key. */
  readonly dhPublic: Uint8Array;
}

/**
 * Derives public key and X25519 image.
 *
 * @param seed 32 bytes, copied: the caller may overwrite it.
 */
export function identityFromSeed(seed: Uint8Array): Identity {
  if (seed.length !== KEY_LEN) throw new RangeError(`A seed has ${KEY_LEN} bytes, not ${seed.length}`);
  const dhSecret = ed25519.utils.toMontgomerySecret(seed);
  return {
    seed: seed.slice(),
    publicKey: ed25519.getPublicKey(seed),
    dhSecret,
    dhPublic: x25519.getPublicKey(dhSecret),
  };
}

/** Overwrites the secrets of an identity that is no longer needed. */
export function wipeIdentity(identity: Identity): void {
  identity.seed.fill(0);
  identity.dhSecret.fill(0);
}

/**
 * Configured keys that passed. The check takes 1.5 ms, on the thread that answers the peers' pings:
 * a reload with 1,000 peers would not answer for as long as they wait before they give us up.
 */
const knownDhPublic = new Map<string, Uint8Array>();
const MAX_KNOWN = 16_384;

/**
 * X25519 public key of a peer's Ed25519 public key.
 *
 * Only points of the prime-order subgroup pass: a small-order key makes every shared secret known,
 * and a key with a torsion component would be a second name for another peer.
 *
 * @throws {KeyError} ERR_ICX_KEY_POINT
 */
export function peerDhPublic(publicKey: Uint8Array): Uint8Array {
  const text = Buffer.from(publicKey).toString('base64');
  const known = knownDhPublic.get(text);
  if (known !== undefined) return known.slice();
  if (!isPrimeOrderPoint(publicKey)) {
    throw new KeyError(
      'ERR_ICX_KEY_POINT',
      'Cannot use public key: it is no Ed25519 point of prime order, so no private key belongs to it',
      'use the line that icx pubkey printed on the peer',
    );
  }
  const dhPublic = ed25519.utils.toMontgomery(publicKey);
  if (knownDhPublic.size >= MAX_KNOWN) knownDhPublic.clear();
  knownDhPublic.set(text, dhPublic);
  return dhPublic.slice();
}

function isPrimeOrderPoint(publicKey: Uint8Array): boolean {
  try {
    const point = ed25519.Point.fromBytes(publicKey);
    return !point.isSmallOrder() && point.isTorsionFree();
  } catch {
    return false;
  }
}

/** Order of public keys by bytes: negative when `a` sorts lower. The lower key dials. */
export function comparePublicKeys(a: Uint8Array, b: Uint8Array): number {
  return Buffer.compare(a, b);
}
