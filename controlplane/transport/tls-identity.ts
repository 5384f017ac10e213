/**
 * The node's identity as TLS sees it: a self-signed certificate over its Ed25519 key.
 *
 * Both sides of an HTTP/2 connection show such a certificate and check nothing of the other's
 * but the key: names, dates and issuers mean nothing here. TLS 1.3 makes each side prove that
 * it has the private key, so strangers are turned away before HTTP/2 begins.
 */
import { createPrivateKey, createPublicKey, type KeyObject, sign, X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import { pem, SignatureAlgorithm, selfSignedCertificate } from './x509.ts';

/** PrivateKeyInfo up to the 32 bytes of the seed. @see RFC 8410 §7 */
const PKCS8_HEADER = Buffer.from('302e020100300506032b657004220420', 'hex');
const KEY_LEN = 32;

export interface TlsCredentials {
  /** PEM. */
  readonly cert: Buffer;
  /** PEM. */
  readonly key: Buffer;
}

/** @param seed Ed25519 seed, 32 bytes; the caller wipes `key` when TLS has taken it */
export function identityCredentials(seed: Uint8Array): TlsCredentials {
  const pkcs8 = Buffer.concat([PKCS8_HEADER, seed]);
  const privateKey = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' });
  const certificate = selfSignedCertificate({
    publicKey: createPublicKey(privateKey).export({ format: 'der', type: 'spki' }),
    algorithm: SignatureAlgorithm.ed25519,
    commonName: 'icx',
    notBefore: new Date('2000-01-01T00:00:00Z'),
    // "No well-defined expiration date". @see RFC 5280 §4.1.2.5
    notAfter: new Date('9999-12-31T23:59:59Z'),
    sign: (body) => sign(null, body, privateKey),
  });
  const credentials = { cert: pem('CERTIFICATE', certificate), key: pem('PRIVATE KEY', pkcs8) };
  pkcs8.fill(0);
  return credentials;
}

/** The Ed25519 key in a certificate (PEM) made here. */
export function certifiedKey(cert: Buffer): Uint8Array {
  return rawKey(new X509Certificate(cert).publicKey);
}

/** The Ed25519 key that the peer proved to have; null when it showed none or another kind. */
export function provenKey(socket: TLSSocket): Uint8Array | null {
  const publicKey = socket.getPeerX509Certificate()?.publicKey;
  return publicKey?.asymmetricKeyType === 'ed25519' ? rawKey(publicKey) : null;
}

function rawKey(publicKey: KeyObject): Uint8Array {
  return new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }).subarray(-KEY_LEN));
}
