/** Handshake payloads: their exact bytes, and every form that is none. */
import { describe, expect, test } from 'vitest';
import {
  decodePayload1,
  decodePayload2,
  encodePayload1,
  encodePayload2,
} from '../../../controlplane/handshake/handshake-payload.ts';
import { hexOf } from '../hex.ts';

const timestamp = new Uint8Array(12).fill(0xaa);
const publicKey = new Uint8Array(1184).fill(0x11);
const ciphertext = new Uint8Array(1088).fill(0x22);

describe('handshake payloads', () => {
  test('are laid out as the protocol says', () => {
    expect(hexOf(encodePayload1({ timestamp, lanes: 3, vni: 0x010203, kem: null }))).toBe(
      `${'aa'.repeat(12)}0003010203`,
    );
    expect(hexOf(encodePayload2({ lanes: 3, kem: null }))).toBe('0003');
    expect(hexOf(encodePayload1({ timestamp, lanes: 64, vni: 7, kem: publicKey }))).toBe(
      `${'aa'.repeat(12)}0140000007${'11'.repeat(1184)}`,
    );
    expect(hexOf(encodePayload2({ lanes: 1, kem: ciphertext }))).toBe(`0101${'22'.repeat(1088)}`);
  });

  test.each([null, publicKey])('decodePayload1() reads what encodePayload1() wrote', (kem) => {
    for (const vni of [1, 0xff, 0x100, 0xffff, 0x10000, 0x800000, 0xffffff]) {
      const payload = { timestamp, lanes: 2, vni, kem };
      expect(decodePayload1(encodePayload1(payload))).toEqual(payload);
    }
  });

  test.each([0, -1, 0x1000000, 1.5, Number.NaN])('encodePayload1() refuses VNI %d', (vni) => {
    expect(() => encodePayload1({ timestamp, lanes: 1, vni, kem: null })).toThrow(RangeError);
  });

  test.each([null, ciphertext])('decodePayload2() reads what encodePayload2() wrote', (kem) => {
    const payload = { lanes: 2, kem };
    expect(decodePayload2(encodePayload2(payload))).toEqual(payload);
  });

  test.each([
    ['empty', []],
    ['flags alone', [0]],
    ['0 lanes', [0, 0]],
    ['65 lanes', [0, 65]],
    ['an unknown flag', [2, 1]],
    ['bytes behind, without the hybrid flag', [0, 1, 0]],
    ['the hybrid flag and nothing behind', [1, 1]],
    ['a ciphertext that is too short', [1, 1, ...ciphertext.slice(1)]],
    ['a ciphertext that is too long', [1, 1, ...ciphertext, 0]],
    ['a ciphertext behind an unknown flag', [3, 1, ...ciphertext]],
  ])('decodePayload2() refuses %s', (_, bytes) => {
    expect(decodePayload2(Uint8Array.from(bytes))).toBeNull();
  });

  test.each([
    ['empty', []],
    ['a timestamp alone', [...timestamp]],
    ['no VNI', [...timestamp, 0, 1]],
    ['a VNI of two bytes', [...timestamp, 0, 1, 0, 7]],
    ['VNI 0', [...timestamp, 0, 1, 0, 0, 0]],
    ['VNI 0 before a public key', [...timestamp, 1, 1, 0, 0, 0, ...publicKey]],
    ['0 lanes', [...timestamp, 0, 0, 0, 0, 7]],
    ['an unknown flag', [...timestamp, 2, 1, 0, 0, 7]],
    ['bytes behind, without the hybrid flag', [...timestamp, 0, 1, 0, 0, 7, 0]],
    ['the hybrid flag and nothing behind', [...timestamp, 1, 1, 0, 0, 7]],
    ['a public key without a VNI', [...timestamp, 1, 1, ...publicKey]],
    ['a public key that is too long', [...timestamp, 1, 1, 0, 0, 7, ...publicKey, 0]],
    ['a ciphertext in place of a public key', [...timestamp, 1, 1, 0, 0, 7, ...ciphertext]],
  ])('decodePayload1() refuses %s', (_, bytes) => {
    expect(decodePayload1(Uint8Array.from(bytes))).toBeNull();
  });
});
