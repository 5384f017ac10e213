/** AES-256-GCM of the control plane against OpenSSL's, and what it must refuse. */
import { createCipheriv } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { openGcm, sealGcm } from '../../../controlplane/crypto/gcm.ts';
import { flipped, hexOf } from '../hex.ts';

const KEY = Uint8Array.from({ length: 32 }, (_, index) => index);
const AAD = Uint8Array.of(1, 2, 3);
const TEXT = Buffer.from('sixteen bytes and some more');

describe('sealGcm()', () => {
  test('agrees with OpenSSL under the nonce 0 ‖ counter', () => {
    const bytes = fc.uint8Array({ maxLength: 100 });
    const key = fc.uint8Array({ minLength: 32, maxLength: 32 });
    fc.assert(
      fc.property(key, fc.maxSafeNat(), bytes, bytes, (key, counter, aad, text) => {
        const nonce = Buffer.alloc(12);
        nonce.writeBigUInt64BE(BigInt(counter), 4);
        const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: 16 }).setAAD(aad);
        const expected = Buffer.concat([cipher.update(text), cipher.final(), cipher.getAuthTag()]);
        expect(hexOf(sealGcm(key, counter, aad, text))).toBe(expected.toString('hex'));
        expect(openGcm(key, counter, aad, expected)).toEqual(text);
      }),
      { numRuns: 50 },
    );
  });

  test.each([-1, 1.5, 2 ** 53, Number.NaN])('refuses counter %d', (counter) => {
    expect(() => sealGcm(KEY, counter, AAD, TEXT)).toThrow(RangeError);
  });
});

describe('openGcm()', () => {
  const sealed = sealGcm(KEY, 7, AAD, TEXT);

  test('refuses every changed byte', () => {
    for (let at = 0; at < sealed.length; at++) {
      expect(openGcm(KEY, 7, AAD, flipped(sealed, at)), `byte ${at}`).toBeNull();
    }
  });

  test('refuses another counter, key or AAD, and anything shorter than a tag', () => {
    expect(openGcm(KEY, 8, AAD, sealed)).toBeNull();
    expect(openGcm(flipped(KEY, 0), 7, AAD, sealed)).toBeNull();
    expect(openGcm(KEY, 7, flipped(AAD, 0), sealed)).toBeNull();
    for (let length = 0; length < 17; length++) {
      expect(openGcm(KEY, 7, AAD, sealed.slice(0, length))).toBeNull();
    }
  });
});
