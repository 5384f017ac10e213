import { createHash, X509Certificate } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import {
  http3Certificate,
  http3CertificateHashes,
  weekOf,
} from '../../../controlplane/transport/http3-certificate.ts';

const KEY = new Uint8Array(32).fill(7);
const NOON = Date.parse('2026-11-21T12:00:00Z');
const DAY_MS = 86_400_000;

describe('http3Certificate()', () => {
  const certificate = http3Certificate(KEY, weekOf(NOON));
  const x509 = new X509Certificate(certificate.cert);

  test('is the same for everyone who knows key and week, and differs with either', () => {
    expect(http3Certificate(KEY, weekOf(NOON))).toEqual(certificate);
    expect(http3Certificate(new Uint8Array(32), weekOf(NOON)).hash).not.toEqual(certificate.hash);
    expect(http3Certificate(KEY, weekOf(NOON) + 1).hash).not.toEqual(certificate.hash);
  });

  test('is self-signed over P-256, valid now and for at most 14 days', () => {
    expect(x509.verify(x509.publicKey)).toBe(true);
    expect(x509.publicKey.asymmetricKeyDetails).toMatchObject({ namedCurve: 'prime256v1' });
    const [from, to] = [Date.parse(x509.validFrom), Date.parse(x509.validTo)];
    expect(from < NOON && NOON < to).toBe(true);
    expect(to - from).toBeLessThanOrEqual(14 * DAY_MS);
  });

  test('hash is the SHA-256 of its DER', () => {
    expect(Buffer.from(certificate.hash)).toEqual(createHash('sha256').update(x509.raw).digest());
  });
});

describe('http3CertificateHashes()', () => {
  test.each([-2, 0, 2])('has the certificate of a node whose clock is %i days off', (days) => {
    const shown = http3Certificate(KEY, weekOf(NOON + days * DAY_MS));
    expect(http3CertificateHashes(KEY, NOON)).toContainEqual(shown.hash);
  });
});
