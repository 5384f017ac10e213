import { describe, expect, test } from 'vitest';
import { formatMac, parseMac } from '../../../dataplane/wire/mac-text.ts';

describe('MAC addresses as text', () => {
  test.each([
    ['02:00:00:00:00:0a', 0x0200, 10],
    ['ff:ff:ff:ff:ff:ff', 0xffff, -1],
    ['00:01:80:00:00:00', 0x0001, 0x80000000 | 0],
  ])('%s is read and written', (text, high, low) => {
    expect(parseMac(text)).toEqual({ high, low });
    expect(formatMac(high, low)).toBe(text);
  });

  test('parseMac() takes upper case', () => {
    expect(parseMac('0A:BC:DE:F0:12:34')).toEqual({ high: 0x0abc, low: 0xdef01234 | 0 });
  });

  test.each([
    '',
    '02:00:00:00:00',
    '02:00:00:00:00:0a:0b',
    '2:0:0:0:0:a',
    '02-00-00-00-00-0a',
    '02:00:00:00:00:0g',
    ' 02:00:00:00:00:0a',
    '02:00:00:00:00:0a\n',
  ])('parseMac() refuses %j', (text) => {
    expect(parseMac(text)).toBeNull();
  });
});
