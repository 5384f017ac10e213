import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { certifiedKey, identityCredentials } from '../../../controlplane/transport/tls-identity.ts';

/** RFC 8032 §7.1, test 2. */
const SEED = Buffer.from('4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb', 'hex');
const PUBLIC_KEY = '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c';

describe('identityCredentials()', () => {
  const { cert, key } = identityCredentials(SEED);
  const x509 = new X509Certificate(cert);

  test('certifies the public key of the seed, signed by itself', () => {
    expect(Buffer.from(certifiedKey(cert)).toString('hex')).toBe(PUBLIC_KEY);
    expect(x509.verify(x509.publicKey)).toBe(true);
  });

  test('does not run out', () => {
    expect(Date.parse(x509.validTo)).toBeGreaterThan(Date.parse('9999-01-01'));
  });

  test('holds the private key that belongs to it', () => {
    expect(x509.checkPrivateKey(createPrivateKey(key))).toBe(true);
    expect(createPublicKey(key).asymmetricKeyType).toBe('ed25519');
  });

  test('leaves the seed as it was', () => {
    expect(SEED[0]).toBe(0x4c);
  });
});
