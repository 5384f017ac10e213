/**
 * The certificate of the HTTP/3 listener, which the other side can work out by itself.
 *
 * The library's HTTP/3 client takes a self-signed certificate only by a hash known in advance,
 * of a P-256 certificate valid for two weeks at most. Ours is a function of the node's public
 * key and the week, its private key included: whoever knows the public key can make it. So TLS
 * hides the bytes from those who only listen, and authenticates nobody; that is left to the
 * handshake, which trusts no transport.
 */
import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { mapHashToField } from '@noble/curves/abstract/modular.js';
import { p256 } from '@noble/curves/nist.js';
import { hkdf } from '@noble/hashes/hkdf.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { pem, SignatureAlgorithm, selfSignedCertificate } from './x509.ts';

const DAY_MS = 86_400_000;
const WEEK_MS = 7 * DAY_MS;
/** How far the clocks of two nodes may differ. Twice this and a week stay below two weeks. */
const SKEW_MS = 3 * DAY_MS;
/** Bytes hashed to a P-256 scalar without bias. @see FIPS 186-5 A.2.1 */
const SCALAR_SEED_LEN = 48;

export interface Http3Certificate {
  readonly cert: string;
  readonly key: string;
  /** SHA-256 of the certificate's DER. */
  readonly hash: Uint8Array;
}

/** Number of the week since 1970 that `nowMs` (Unix time) lies in. */
export function weekOf(nowMs: number): number {
  return Math.floor(nowMs / WEEK_MS);
}

/** The certificate of the node with this Ed25519 key, in that week. */
export function http3Certificate(publicKey: Uint8Array, week: number): Http3Certificate {
  const info = new TextEncoder().encode(`icx http3 certificate v1 ${week}`);
  const scalarSeed = hkdf(sha256, publicKey, undefined, info, SCALAR_SEED_LEN);
  const scalar = mapHashToField(scalarSeed, p256.Point.Fn.ORDER);
  const privateKey = keyObject(scalar);
  const certificate = selfSignedCertificate({
    publicKey: createPublicKey(privateKey).export({ format: 'der', type: 'spki' }),
    algorithm: SignatureAlgorithm.ecdsaSha256,
    commonName: 'icx',
    notBefore: new Date(week * WEEK_MS - SKEW_MS),
    notAfter: new Date((week + 1) * WEEK_MS + SKEW_MS),
    // Deterministic (RFC 6979): both sides must get the same bytes.
    sign: (body) => p256.sign(body, scalar, { format: 'der' }),
  });
  return {
    cert: pem('CERTIFICATE', certificate).toString(),
    key: privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
    hash: sha256(certificate),
  };
}

/** Hashes of the certificates that the node may show now, whichever way its clock is off. */
export function http3CertificateHashes(publicKey: Uint8Array, nowMs: number): Uint8Array[] {
  const weeks = new Set([weekOf(nowMs), weekOf(nowMs - SKEW_MS), weekOf(nowMs + SKEW_MS)]);
  return [...weeks].map((week) => http3Certificate(publicKey, week).hash);
}

function keyObject(scalar: Uint8Array): KeyObject {
  const point = p256.getPublicKey(scalar, false);
  const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64url');
  const jwk = {
    kty: 'EC',
    crv: 'P-256',
    d: text(scalar),
    x: text(point.subarray(1, 33)),
    y: text(point.subarray(33)),
  };
  return createPrivateKey({ key: jwk, format: 'jwk' });
}
