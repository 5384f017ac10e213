/** Control messages: exact bytes, round trips, unknown types, every malformed form. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { GCM_TAG_LEN } from '../../../controlplane/crypto/gcm.ts';
import { MessageError } from '../../../controlplane/record/byte-codec.ts';
import {
  type ControlMessage,
  decodeMessage,
  encodeMessage,
  REKEY_TRIGGERS,
} from '../../../controlplane/record/message.ts';
import { MAX_RECORD_LEN, RECORD_HEADER_LEN } from '../../../controlplane/record/record.ts';
import { MAX_MESSAGE_ROUTES } from '../../../controlplane/record/routes-message.ts';
import type { IpPrefix } from '../../../controlplane/routes/ip-prefix.ts';
import { Suite } from '../../../dataplane/contract.ts';
import { bytesOf, hexOf } from '../hex.ts';

const TABLE: readonly (readonly [ControlMessage, string])[] = [
  [
    { type: 'offer', vni: 0xabcdef, suite: Suite.aes256Gcm, spis: [1, 0xc0000002] },
    '0100abcdef010200000001c0000002',
  ],
  [{ type: 'accept', spis: [0x80000007] }, '020180000007'],
  [{ type: 'confirm' }, '03'],
  [{ type: 'rekey_request', trigger: 'operator' }, '0402'],
  [{ type: 'ping', id: 0xfffffffe }, '05fffffffe'],
  [{ type: 'pong', id: 1 }, '0600000001'],
  [{ type: 'report', lanes: [{ spi: 5, packets: 2 ** 40 }] }, '0701000000050000010000000000'],
  [{ type: 'report_answer', lanes: [] }, '0800'],
  [{ type: 'path', mtuBytes: 1392 }, '0900000570'],
  [{ type: 'goodbye', reason: 'é' }, '0ac3a9'],
  [
    {
      type: 'routes',
      sequence: 0x01020304,
      isFull: false,
      hasMore: true,
      withdraw: [{ family: 4, length: 0, words: [0, 0, 0, 0] }],
      add: [
        { family: 4, length: 20, words: [0x0a58f000, 0, 0, 0] },
        { family: 6, length: 49, words: [0xfd880001, 0x00028000, 0, 0] },
      ],
    },
    '0b0201020304010400020414' + '0a58f0' + '0631' + 'fd880001000280',
  ],
  [{ type: 'routes', sequence: 0, isFull: true, hasMore: false, withdraw: [], add: [] }, '0b01000000000000'],
];

const spis = fc.array(fc.nat(0xffffffff), { maxLength: 64 });
const lanes = fc.array(fc.record({ spi: fc.nat(0xffffffff), packets: fc.maxSafeNat() }), { maxLength: 64 });
const word = fc.nat(0xffffffff);
const prefix: fc.Arbitrary<IpPrefix> = fc.oneof(
  fc.tuple(word, fc.nat(32)).map(([bits, length]) => {
    return { family: 4 as const, length, words: [masked(bits, length, 0), 0, 0, 0] as const };
  }),
  fc.tuple(word, word, word, word, fc.nat(128)).map(([a, b, c, d, length]) => {
    const words = [
      masked(a, length, 0),
      masked(b, length, 1),
      masked(c, length, 2),
      masked(d, length, 3),
    ] as const;
    return { family: 6 as const, length, words };
  }),
);

/** Word `index` of an address, without the bits behind `length`. */
function masked(bits: number, length: number, index: number): number {
  const kept = Math.min(32, Math.max(0, length - 32 * index));
  return kept === 0 ? 0 : ((bits >>> (32 - kept)) << (32 - kept)) >>> 0;
}

const message: fc.Arbitrary<ControlMessage> = fc.oneof(
  fc.record({
    type: fc.constant('offer' as const),
    vni: fc.integer({ min: 1, max: 0xffffff }),
    suite: fc.constantFrom(...Object.values(Suite)),
    spis,
  }),
  fc.record({ type: fc.constant('accept' as const), spis }),
  fc.record({ type: fc.constant('rekey_request' as const), trigger: fc.constantFrom(...REKEY_TRIGGERS) }),
  fc.record({ type: fc.constantFrom('ping' as const, 'pong' as const), id: fc.nat(0xffffffff) }),
  fc.record({ type: fc.constantFrom('report' as const, 'report_answer' as const), lanes }),
  fc.record({ type: fc.constant('path' as const), mtuBytes: fc.integer({ min: 1, max: 0xffff }) }),
  fc.record({
    type: fc.constant('routes' as const),
    sequence: fc.nat(0xffffffff),
    isFull: fc.constant(false),
    hasMore: fc.boolean(),
    withdraw: fc.array(prefix, { maxLength: 112 }),
    add: fc.array(prefix, { maxLength: 112 }),
  }),
);

describe('encodeMessage() and decodeMessage()', () => {
  test.each(TABLE)('write and read %o', (value, hex) => {
    expect(hexOf(encodeMessage(value))).toBe(hex);
    expect(decodeMessage(bytesOf(hex))).toEqual(value);
  });

  test('agree on every message', () => {
    fc.assert(
      fc.property(message, (value) => {
        expect(decodeMessage(encodeMessage(value))).toEqual(value);
      }),
    );
  });

  test('fit the largest message in one record', () => {
    const full = Array.from({ length: 64 }, () => ({ spi: 1, packets: 1 }));
    expect(encodeMessage({ type: 'report', lanes: full }).length).toBeLessThan(4000);
    const longest: IpPrefix = { family: 6, length: 128, words: [1, 2, 3, 4] };
    const add = Array.from({ length: MAX_MESSAGE_ROUTES }, () => longest);
    const routes = encodeMessage({
      type: 'routes',
      sequence: 0,
      isFull: true,
      hasMore: true,
      withdraw: [],
      add,
    });
    expect(routes.length).toBeLessThanOrEqual(MAX_RECORD_LEN - RECORD_HEADER_LEN - GCM_TAG_LEN);
  });
});

describe('decodeMessage()', () => {
  test.each([0, 12, 255])('gives type %i as unknown, whatever follows', (number) => {
    expect(decodeMessage(Uint8Array.of(number, 1, 2, 3))).toEqual({ type: 'unknown', number });
  });

  test.each(TABLE.filter(([value]) => value.type !== 'goodbye'))(
    'refuses %o cut anywhere or with a byte behind',
    (_, hex) => {
      const bytes = bytesOf(hex);
      for (let length = 0; length < bytes.length; length++) {
        expect(() => decodeMessage(bytes.slice(0, length)), `${length} bytes`).toThrow(MessageError);
      }
      expect(() => decodeMessage(Uint8Array.of(...bytes, 0))).toThrow(MessageError);
    },
  );

  test.each([
    ['nothing', ''],
    ['VNI 0', '0100000000000100000001'],
    ['a VNI above 24 bits', '0101000000000100000001'],
    ['an unknown suite', '0100000001020100000001'],
    ['65 SPIs', `0241${'00000001'.repeat(65)}`],
    ['an unknown trigger', '0404'],
    ['an MTU of 0', '0900000000'],
    ['an MTU above 65535', '0900010000'],
    ['a count that is no safe integer', '0701000000050020000000000000'],
    ['unknown flags of routes', '0b04000000000000'],
    ['a full set of routes that withdraws some', '0b010000000001040000'],
    ['a prefix of a family that is none', '0b0000000000000105080a'],
    ['an IPv4 prefix of 33 bits', '0b000000000000010421' + '0a00000100'],
    ['an IPv6 prefix of 129 bits', `0b000000000000010681${'00'.repeat(17)}`],
    ['a prefix with host bits', '0b0000000000000104070b'],
    ['225 prefixes', `0b0000000000${`01${'0400'}`}e0${'0400'.repeat(224)}`],
  ])('refuses %s', (_, hex) => {
    expect(() => decodeMessage(bytesOf(hex))).toThrow(MessageError);
  });

  test('survives random bytes with a message or a MessageError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        try {
          decodeMessage(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(MessageError);
        }
      }),
      { numRuns: 500 },
    );
  });

  test('makes the reason of a goodbye safe to print', () => {
    expect(decodeMessage(bytesOf('0a1b5b324a'))).toEqual({ type: 'goodbye', reason: '[2J' });
  });
});

describe('encodeMessage()', () => {
  test('refuses more than 64 lanes', () => {
    const spis = Array.from({ length: 65 }, (_, index) => index + 1);
    expect(() => encodeMessage({ type: 'accept', spis })).toThrow(RangeError);
  });

  test('refuses more prefixes than a record holds, and lengths that no address has', () => {
    const prefix: IpPrefix = { family: 4, length: 8, words: [0x0a000000, 0, 0, 0] };
    const routes = { type: 'routes', sequence: 0, isFull: false, hasMore: false } as const;
    const many = Array.from({ length: MAX_MESSAGE_ROUTES }, () => prefix);
    expect(() => encodeMessage({ ...routes, withdraw: [prefix], add: many })).toThrow(RangeError);
    const long = { ...prefix, length: 33 };
    expect(() => encodeMessage({ ...routes, withdraw: [], add: [long] })).toThrow(RangeError);
  });

  test('refuses an SPI that is no 32-bit number', () => {
    expect(() => encodeMessage({ type: 'accept', spis: [2 ** 32] })).toThrow(RangeError);
  });
});
