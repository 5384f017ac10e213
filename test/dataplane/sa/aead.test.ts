/** The contract of AeadProvider, held against both implementations. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MAX_COUNTER, NONCE_LEN, TAG_LEN } from '../../../dataplane/sa/aead.ts';
import { hexBytes, providerCases, toHex } from '../../support/aead-providers.ts';
import { FRAME_VECTORS, GCM_VECTORS } from '../../support/aead-vectors.ts';

const CASES = providerCases();
const At = { nonce: 0, aad: 16, frame: 1024, in: 8192, out: 16_384 } as const;
const HEADER_LEN = 32;
const FRAME_NONCE_AT = At.frame + 20;
const KEY = hexBytes('000102030405060708090a0b0c0d0e0f');

describe.each(CASES)('$label', ({ memory, provider, sealKeyFrom }) => {
  const { bytes, view } = memory;

  function writeNonce(at: number, spi: number, counter: number): void {
    view.setUint32(at, spi);
    view.setBigUint64(at + 4, BigInt(counter));
  }

  describe('published vectors', () => {
    test.each(GCM_VECTORS)('GCM $name: SealKey.seal() and OpenKey.open()', (vector) => {
      const [key, nonce, aad, plain] = [vector.key, vector.nonce, vector.aad, vector.plain].map(hexBytes) as [
        Uint8Array,
        Uint8Array,
        Uint8Array,
        Uint8Array,
      ];
      bytes.set(nonce, At.nonce);
      bytes.set(aad, At.aad);
      bytes.set(plain, At.in);
      const seal = sealKeyFrom(vector.suite, key, nonce);
      expect(seal.seal(At.nonce, At.aad, aad.length, At.in, plain.length, At.out)).toBe(true);
      expect(toHex(bytes, At.out, plain.length + TAG_LEN)).toBe(vector.sealed);

      bytes.fill(0, At.in, At.in + plain.length);
      const open = provider.openKey(vector.suite, key, new DataView(nonce.buffer).getUint32(0));
      expect(open.open(At.nonce, At.aad, aad.length, At.out, plain.length, At.in)).toBe(true);
      expect(toHex(bytes, At.in, plain.length)).toBe(vector.plain);
      seal.destroy();
      open.destroy();
    });

    test.each(FRAME_VECTORS)('frame $name: sealed byte for byte in place, and opened', (vector) => {
      const payload = hexBytes(vector.payload);
      const inner = hexBytes(vector.inner);
      bytes.set(payload.subarray(0, HEADER_LEN), At.frame);
      bytes.set(inner, At.frame + HEADER_LEN);
      const seal = provider.sealKey(vector.suite, hexBytes(vector.key), vector.spi, vector.counter);
      const bodyAt = At.frame + HEADER_LEN;
      expect(seal.seal(FRAME_NONCE_AT, At.frame, HEADER_LEN, bodyAt, inner.length, bodyAt)).toBe(true);
      expect(toHex(bytes, At.frame, payload.length)).toBe(vector.payload);

      const open = provider.openKey(vector.suite, hexBytes(vector.key), vector.spi);
      expect(open.open(FRAME_NONCE_AT, At.frame, HEADER_LEN, bodyAt, inner.length, bodyAt)).toBe(true);
      expect(toHex(bytes, bodyAt, inner.length)).toBe(vector.inner);
      seal.destroy();
      open.destroy();
    });
  });

  test('OpenKey.open() refuses a frame with any one bit flipped, and then opens the genuine one', () => {
    const vector = FRAME_VECTORS[0];
    if (vector === undefined) throw new Error('no vector');
    const payload = hexBytes(vector.payload);
    const len = payload.length - HEADER_LEN - TAG_LEN;
    const open = provider.openKey(vector.suite, hexBytes(vector.key), vector.spi);
    const opens = () => open.open(FRAME_NONCE_AT, At.frame, HEADER_LEN, At.frame + HEADER_LEN, len, At.out);
    for (let bit = 0; bit < payload.length * 8; bit++) {
      const forged = payload.slice();
      forged[bit >> 3] = (forged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      bytes.set(forged, At.frame);
      expect(opens(), `bit ${bit}`).toBe(false);
    }
    bytes.set(payload, At.frame);
    expect(opens()).toBe(true);
    expect(toHex(bytes, At.out, len)).toBe(vector.inner);
    open.destroy();
  });

  test('OpenKey.open() refuses a nonce of another SPI, even where the additional data leaves it out', () => {
    const seal = provider.sealKey(0, KEY, 5);
    const open = provider.openKey(0, KEY, 5);
    writeNonce(At.nonce, 5, 1);
    expect(seal.seal(At.nonce, At.aad, 0, At.in, 16, At.out)).toBe(true);
    writeNonce(At.nonce, 6, 1);
    expect(open.open(At.nonce, At.aad, 0, At.out, 16, At.in)).toBe(false);
    writeNonce(At.nonce, 5, 1);
    expect(open.open(At.nonce, At.aad, 0, At.out, 16, At.in)).toBe(true);
    const other = provider.sealKey(0, KEY, 6);
    writeNonce(At.nonce, 6, 1);
    expect(other.seal(At.nonce, At.aad, 0, At.in, 16, At.out)).toBe(true);
    expect(open.open(At.nonce, At.aad, 0, At.out, 16, At.in)).toBe(false);
    for (const key of [seal, open, other]) key.destroy();
  });

  test('SealKey.seal() refuses every nonce but the next, and writes nothing then', () => {
    const seal = provider.sealKey(0, KEY, 5);
    const trySeal = (spi: number, counter: number): boolean => {
      writeNonce(At.nonce, spi, counter);
      return seal.seal(At.nonce, At.aad, 0, At.in, 32, At.out);
    };
    bytes.fill(0xaa, At.out, At.out + 64);
    for (const [spi, counter] of [
      [5, 0],
      [5, 2],
      [6, 1],
      [0, 1],
      [5, 2 ** 32 + 1],
    ] as const) {
      expect(trySeal(spi, counter), `${spi} ${counter}`).toBe(false);
    }
    expect(bytes.subarray(At.out, At.out + 64).every((byte) => byte === 0xaa)).toBe(true);
    expect([trySeal(5, 1), trySeal(5, 1), trySeal(5, 3), trySeal(5, 2), trySeal(5, 3)]).toEqual([
      true,
      false,
      false,
      true,
      true,
    ]);
    seal.destroy();
  });

  test('SealKey.seal() carries the counter beyond 32 bits', () => {
    const seal = provider.sealKey(1, hexBytes('07'.repeat(32)), 0xffff_ffff, 0xffff_ffff);
    for (const counter of [0xffff_ffff, 0x1_0000_0000, 0x1_0000_0001]) {
      writeNonce(At.nonce, 0xffff_ffff, counter);
      expect(seal.seal(At.nonce, At.aad, 0, At.in, 16, At.out)).toBe(true);
    }
    seal.destroy();
  });

  test('provider.sealKey() starts as high as the last counter', () => {
    const seal = provider.sealKey(0, KEY, 1, MAX_COUNTER);
    writeNonce(At.nonce, 1, MAX_COUNTER);
    expect(seal.seal(At.nonce, At.aad, 0, At.in, 16, At.out)).toBe(true);
    seal.destroy();
  });

  test.each([0, 1, 15, 16, 17, 31, 32, 33, 96, 100, 384, 1000, 1400, 4000])(
    'seal() and open() are right for %i bytes at every small shift of the output',
    (len) => {
      for (const shift of [-97, -33, -32, -17, -16, -15, -1, 0, 1, 15, 16, 17, 31, 33, 97]) {
        const plain = Uint8Array.from({ length: len }, (_, i) => (i * 31 + len) & 0xff);
        const seal = provider.sealKey(0, KEY, 9);
        const open = provider.openKey(0, KEY, 9);
        writeNonce(At.nonce, 9, 1);
        bytes.set(plain, At.in);
        expect(seal.seal(At.nonce, At.aad, 20, At.in, len, At.in + shift)).toBe(true);
        const sealed = toHex(bytes, At.in + shift, len + TAG_LEN);
        seal.destroy();

        const apart = provider.sealKey(0, KEY, 9);
        bytes.set(plain, At.in);
        expect(apart.seal(At.nonce, At.aad, 20, At.in, len, At.out)).toBe(true);
        expect(sealed, `seal ${shift}`).toBe(toHex(bytes, At.out, len + TAG_LEN));
        apart.destroy();

        expect(open.open(At.nonce, At.aad, 20, At.out, len, At.out + shift), `open ${shift}`).toBe(true);
        expect(toHex(bytes, At.out + shift, len), `opened ${shift}`).toBe(toHex(plain));
        open.destroy();
      }
    },
  );

  test.each([
    ['nonce before the memory', -1, 0, 0, 0, 16, 64],
    ['nonce behind the memory', 65_536 - NONCE_LEN + 1, 0, 0, 0, 16, 64],
    ['additional data behind the memory', 0, 65_530, 7, 0, 16, 64],
    ['negative additional length', 0, 64, -1, 0, 16, 64],
    ['input behind the memory', 0, 0, 0, 65_521, 16, 64],
    ['negative length', 0, 0, 0, 64, -1, 64],
    ['output before the memory', 0, 0, 0, 64, 16, -1],
    ['tag behind the memory', 0, 0, 0, 64, 16, 65_536 - 31],
  ])('seal() and open() refuse %s', (_, nonceAt, aadAt, aadLen, plainAt, len, sealedAt) => {
    const seal = provider.sealKey(0, KEY, 0, 1);
    const open = provider.openKey(0, KEY, 0);
    writeNonce(0, 0, 1);
    expect(seal.seal(nonceAt, aadAt, aadLen, plainAt, len, sealedAt)).toBe(false);
    expect(open.open(nonceAt, aadAt, aadLen, sealedAt, len, plainAt)).toBe(false);
    // The refusals cost no nonce.
    expect(seal.seal(0, 64, 0, 64, 16, 128)).toBe(true);
    seal.destroy();
    open.destroy();
  });

  test('destroy() is idempotent, and the key refuses afterwards', () => {
    const seal = provider.sealKey(0, KEY, 3);
    const open = provider.openKey(0, KEY, 3);
    writeNonce(At.nonce, 3, 1);
    expect(seal.seal(At.nonce, At.aad, 0, At.in, 16, At.out)).toBe(true);
    for (let i = 0; i < 2; i++) {
      seal.destroy();
      open.destroy();
    }
    expect(open.open(At.nonce, At.aad, 0, At.out, 16, At.in)).toBe(false);
    writeNonce(At.nonce, 3, 2);
    expect(seal.seal(At.nonce, At.aad, 0, At.in, 16, At.out)).toBe(false);
  });

  test.each([
    [0, 0],
    [0, 15],
    [0, 32],
    [1, 16],
    [1, 33],
  ] as const)('suite %i: keys of %i bytes are refused', (suite, len) => {
    expect(() => provider.sealKey(suite, new Uint8Array(len), 1)).toThrow(RangeError);
    expect(() => provider.openKey(suite, new Uint8Array(len), 1)).toThrow(RangeError);
  });

  test("the caller's key bytes may be overwritten once the key is made", () => {
    const own = KEY.slice();
    const seal = provider.sealKey(0, own, 4);
    const open = provider.openKey(0, own, 4);
    own.fill(0);
    const other = provider.openKey(0, KEY, 4);
    writeNonce(At.nonce, 4, 1);
    expect(seal.seal(At.nonce, At.aad, 0, At.in, 16, At.out)).toBe(true);
    expect(other.open(At.nonce, At.aad, 0, At.out, 16, At.in)).toBe(true);
    expect(open.open(At.nonce, At.aad, 0, At.out, 16, At.in)).toBe(true);
    for (const key of [seal, open, other]) key.destroy();
  });
});

test('OpenSSL and noble seal alike and open what the other sealed', () => {
  const [fast, slow] = CASES;
  if (fast === undefined || slow === undefined) throw new Error('two providers expected');
  const { bytes, view } = fast.memory;
  const bytesOf = (maxLength: number) => fc.uint8Array({ minLength: 0, maxLength });
  const key = fc.oneof(
    fc.tuple(fc.constant(0 as const), fc.uint8Array({ minLength: 16, maxLength: 16 })),
    fc.tuple(fc.constant(1 as const), fc.uint8Array({ minLength: 32, maxLength: 32 })),
  );
  const spi = fc.integer({ min: 1, max: 0xffff_ffff });
  const counter = fc.integer({ min: 1, max: MAX_COUNTER });
  fc.assert(
    fc.property(key, spi, counter, bytesOf(64), bytesOf(600), ([suite, raw], s, c, aad, plain) => {
      view.setUint32(At.nonce, s);
      view.setBigUint64(At.nonce + 4, BigInt(c));
      bytes.set(aad, At.aad);
      const sealed = CASES.map(({ provider }) => {
        bytes.set(plain, At.in);
        const seal = provider.sealKey(suite, raw, s, c);
        expect(seal.seal(At.nonce, At.aad, aad.length, At.in, plain.length, At.out)).toBe(true);
        seal.destroy();
        return toHex(bytes, At.out, plain.length + TAG_LEN);
      });
      expect(sealed[0]).toBe(sealed[1]);
      for (const { provider } of CASES) {
        bytes.fill(0, At.in, At.in + plain.length);
        const open = provider.openKey(suite, raw, s);
        expect(open.open(At.nonce, At.aad, aad.length, At.out, plain.length, At.in)).toBe(true);
        expect(toHex(bytes, At.in, plain.length)).toBe(toHex(plain));
        open.destroy();
      }
    }),
    { numRuns: 100 },
  );
});
