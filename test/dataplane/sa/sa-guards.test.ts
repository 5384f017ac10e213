/** What may not be installed, each with its code, and no key byte in any message. */
import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { SaError } from '../../../dataplane/sa/sa-error.ts';
import {
  checkEpoch,
  checkKeyLen,
  checkKeysDiffer,
  checkNotLive,
  checkSpi,
  hex,
  keyPrint,
} from '../../../dataplane/sa/sa-guards.ts';

const KEY = new Uint8Array(16).fill(0xa5);
const OTHER = KEY.map((byte, i) => (i === 15 ? byte ^ 1 : byte));

function codeOf(check: () => void): string | null {
  try {
    check();
    return null;
  } catch (error) {
    if (!(error instanceof SaError)) throw error;
    expect(error.hint).not.toBe('');
    expect(`${error.message} ${error.hint}`).not.toMatch(/a5a5|165,\s*165/);
    return error.code;
  }
}

test.each([
  [0, 'ERR_ICX_SA_SPI'],
  [-1, 'ERR_ICX_SA_SPI'],
  [1.5, 'ERR_ICX_SA_SPI'],
  [Number.NaN, 'ERR_ICX_SA_SPI'],
  [2 ** 32, 'ERR_ICX_SA_SPI'],
  [1, null],
  [0xffff_ffff, null],
])('checkSpi(%d) says %s', (spi, code) => {
  expect(codeOf(() => checkSpi(spi))).toBe(code);
});

test.each([
  [0, 16, null],
  [0, 32, 'ERR_ICX_SA_KEY_LENGTH'],
  [1, 32, null],
  [1, 16, 'ERR_ICX_SA_KEY_LENGTH'],
  [0, 0, 'ERR_ICX_SA_KEY_LENGTH'],
] as const)('checkKeyLen() of suite %i and %i bytes says %s', (suite, len, code) => {
  expect(codeOf(() => checkKeyLen(suite, new Uint8Array(len)))).toBe(code);
});

describe('checkKeysDiffer()', () => {
  test('refuses one key for both directions', () => {
    expect(codeOf(() => checkKeysDiffer(keyPrint(KEY), keyPrint(KEY.slice())))).toBe('ERR_ICX_SA_KEYS_EQUAL');
  });

  test('takes keys that differ in one bit, or in length', () => {
    expect(codeOf(() => checkKeysDiffer(keyPrint(KEY), keyPrint(OTHER)))).toBeNull();
    expect(codeOf(() => checkKeysDiffer(keyPrint(KEY), keyPrint(new Uint8Array(32).fill(0xa5))))).toBeNull();
  });
});

describe('checkNotLive()', () => {
  const live = { spi: 7, print: keyPrint(KEY) };

  test.each([
    ['the live SPI and key', { spi: 7, print: keyPrint(KEY) }, 'ERR_ICX_SA_KEY_REUSED'],
    ['the live SPI with another key', { spi: 7, print: keyPrint(OTHER) }, null],
    ['the live key with another SPI', { spi: 8, print: keyPrint(KEY) }, null],
  ])('%s', (_, next, code) => {
    expect(codeOf(() => checkNotLive(live, next))).toBe(code);
  });

  test('takes anything while nothing is live', () => {
    expect(codeOf(() => checkNotLive(undefined, live))).toBeNull();
  });
});

test.each([
  [undefined, 0, null],
  [undefined, 9, null],
  [9, 10, null],
  [9, 900, null],
  [9, 9, 'ERR_ICX_SA_EPOCH'],
  [9, 8, 'ERR_ICX_SA_EPOCH'],
  [undefined, -1, 'ERR_ICX_SA_EPOCH'],
  [9, 10.5, 'ERR_ICX_SA_EPOCH'],
  [9, Number.NaN, 'ERR_ICX_SA_EPOCH'],
  [9, 2 ** 53, 'ERR_ICX_SA_EPOCH'],
])('checkEpoch(%s, %d) says %s', (last, next, code) => {
  expect(codeOf(() => checkEpoch(last, next))).toBe(code);
});

test('keyPrint() is not the key, and is not a plain hash of it', () => {
  const print = Buffer.from(keyPrint(KEY));
  expect(print.length).toBe(32);
  expect(print.includes(Buffer.from(KEY.subarray(0, 4)))).toBe(false);
  expect(print.equals(createHash('sha256').update(KEY).digest())).toBe(false);
});

test('hex() prints an SPI as eight digits', () => {
  expect([hex(1), hex(0xc000_0002), hex(-1)]).toEqual(['0x00000001', '0xc0000002', '0xffffffff']);
});
