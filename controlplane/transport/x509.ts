/**
 * Writes minimal self-signed X.509 certificates: TLS wants one, we only want its key.
 */

/** DER tags. @see ITU-T X.690 §8 */
const Tag = {
  integer: 0x02,
  bitString: 0x03,
  oid: 0x06,
  utf8String: 0x0c,
  time: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;
/** Explicit tag of the version field. @see RFC 5280 §4.1 */
const VERSION_TAG = 0xa0;
const VERSION_3 = Uint8Array.of(Tag.integer, 1, 2);
/** id-at-commonName, 2.5.4.3. @see RFC 5280 appendix A.1 */
const COMMON_NAME = Uint8Array.of(Tag.oid, 3, 0x55, 0x04, 0x03);

/** Signature algorithms as AlgorithmIdentifier contents. */
export const SignatureAlgorithm = {
  /** id-Ed25519, 1.3.101.112. @see RFC 8410 §3 */
  ed25519: Uint8Array.of(Tag.oid, 3, 0x2b, 0x65, 0x70),
  /** ecdsa-with-SHA256, 1.2.840.10045.4.3.2. @see RFC 5758 §3.2 */
  ecdsaSha256: Uint8Array.of(Tag.oid, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02),
} as const;

export interface CertificateFields {
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKey: Uint8Array;
  readonly algorithm: Uint8Array;
  readonly commonName: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** Signs the certificate's body with the private key that belongs to `publicKey`. */
  sign(body: Uint8Array): Uint8Array;
}

/**
 * Makes a certificate of version 3 without extensions, serial number 1.
 *
 * @returns DER; the same fields and a deterministic `sign` yield the same bytes
 * @see RFC 5280 §4.1
 */
export function selfSignedCertificate(fields: CertificateFields): Uint8Array {
  const algorithm = der(Tag.sequence, fields.algorithm);
  const name = der(Tag.sequence, der(Tag.set, der(Tag.sequence, COMMON_NAME, utf8(fields.commonName))));
  const body = der(
    Tag.sequence,
    der(VERSION_TAG, VERSION_3),
    der(Tag.integer, Uint8Array.of(1)),
    algorithm,
    name,
    der(Tag.sequence, time(fields.notBefore), time(fields.notAfter)),
    name,
    fields.publicKey,
  );
  const signature = der(Tag.bitString, Uint8Array.of(0), fields.sign(body));
  return der(Tag.sequence, body, algorithm, signature);
}

/** @returns PEM, which is the only form that TLS in Node.js takes. */
export function pem(label: 'CERTIFICATE' | 'PRIVATE KEY', bytes: Uint8Array): Buffer {
  const lines = Buffer.from(bytes)
    .toString('base64')
    .replace(/.{64}(?=.)/g, '$&\n');
  return Buffer.from(`-----BEGIN ${label}-----\n${lines}\n-----END ${label}-----\n`);
}

function utf8(text: string): Uint8Array {
  return der(Tag.utf8String, Buffer.from(text));
}

/** GeneralizedTime, which unlike UTCTime reaches beyond 2049. */
function time(date: Date): Uint8Array {
  const text = date.toISOString().replace(/[-:T]|\.\d+/g, '');
  return der(Tag.time, Buffer.from(text));
}

function der(tag: number, ...contents: Uint8Array[]): Uint8Array {
  const content = Buffer.concat(contents);
  return Buffer.concat([Uint8Array.of(tag), derLength(content.length), content]);
}

/** @see ITU-T X.690 §8.1.3 */
function derLength(len: number): Uint8Array {
  if (len < 0x80) return Uint8Array.of(len);
  if (len < 0x100) return Uint8Array.of(0x81, len);
  return Uint8Array.of(0x82, len >> 8, len & 0xff);
}
