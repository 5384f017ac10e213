import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checksum, fold, sumBytes, sumPseudo4, sumPseudo6 } from '../../../dataplane/wire/checksum.ts';
import { AT, viewOf } from './view-of.ts';

/** Word by word with the carry brought back each time. @see RFC 1071 §1 */
function referenceSum(bytes: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) {
    sum += (bytes[i] ?? 0) * 256 + (bytes[i + 1] ?? 0);
    if (sum > 0xffff) sum = (sum & 0xffff) + 1;
  }
  return sum;
}

describe('checksum()', () => {
  test('sums the example of RFC 1071 §3', () => {
    const sum = sumBytes(viewOf('0001 f203 f4f5 f6f7'), AT, 8);
    expect(sum).toBe(0x2ddf0);
    expect(fold(sum)).toBe(0xddf2);
    expect(checksum(sum)).toBe(0x220d);
  });

  test('gives the IPv4 header checksum 0xb861 of a well-known example', () => {
    // Wikipedia, "Internet checksum", section "Calculating the IPv4 header checksum".
    const header = viewOf('4500 0073 0000 4000 4011 0000 c0a8 0001 c0a8 00c7');
    expect(checksum(sumBytes(header, AT, 20))).toBe(0xb861);
  });

  test('is 0 over bytes that hold their right checksum', () => {
    expect(checksum(sumBytes(viewOf('4500 0073 0000 4000 4011 b861 c0a8 0001 c0a8 00c7'), AT, 20))).toBe(0);
  });
});

describe('sumBytes()', () => {
  test('counts an odd last byte as the upper half of a word', () => {
    expect(sumBytes(viewOf('0001 f2'), AT, 3)).toBe(0xf201);
  });

  test('is right for any bytes at any offset', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(7), (bytes, at) => {
        const view = viewOf('ff'.repeat(at) + Buffer.from(bytes).toString('hex'));
        expect(fold(sumBytes(view, AT + at, bytes.length))).toBe(referenceSum(bytes));
      }),
    );
  });

  test.each([65_535, 131_072])('does not overflow over %d bytes of 0xff', (len) => {
    const bytes = new Uint8Array(len).fill(0xff);
    expect(fold(sumBytes(new DataView(bytes.buffer), 0, len))).toBe(referenceSum(bytes));
  });

  test('adds up over pieces of even length', () => {
    const bytes = Uint8Array.from({ length: 101 }, (_, i) => i * 37);
    const view = new DataView(bytes.buffer);
    const pieces = sumBytes(view, 0, 34) + sumBytes(view, 34, 2) + sumBytes(view, 36, 65);
    expect(fold(pieces)).toBe(referenceSum(bytes));
  });
});

describe('pseudo headers', () => {
  test('sumPseudo4() gives the checksum of a UDP datagram over IPv4', () => {
    // 10.77.0.1:49152 > 10.77.0.2:53, 4 bytes de ad be ef; checksum written out by hand:
    // 0a4d+0001+0a4d+0002+0011+000c + c000+0035+000c+dead+beef = 0x27297, folded 0x7299, inverted 0x8d66.
    const view = viewOf(
      '45000020000100004011 66300a4d00010a4d0002 c0000035000c0000 deadbeef'.replaceAll(' ', ''),
    );
    expect(checksum(sumPseudo4(view, AT, 17, 12) + sumBytes(view, AT + 20, 12))).toBe(0x8d66);
  });

  test('sumPseudo6() gives the checksum in the IPv6 frame vector of this protocol', () => {
    // fd77::1:49152 > fd77::2:53, no data.
    const view = viewOf(
      '6000000000081140 fd770000000000000000000000000001 fd770000000000000000000000000002 c0000035000844b6',
    );
    expect(checksum(sumPseudo6(view, AT, 17, 8) + sumBytes(view, AT + 40, 8))).toBe(0);
  });

  test('sumPseudo6() counts the upper half of the length', () => {
    const view = viewOf('00'.repeat(40));
    expect(sumPseudo6(view, AT, 6, 0x12345)).toBe(6 + 1 + 0x2345);
  });
});
