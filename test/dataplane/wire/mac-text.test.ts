import { describe, expect, test } from 'vitest';
import { formatMac, parseMac } from '../../../dataplane/wire/mac-text.ts';

describe('MAC addresses as text', () => {
  test.each([
    ['02:42:ac:11:00:02', 0x0242, 0xac110002 | 0],
    ['ff:ff:ff:ff:ff:ff', 0xffff, -1],
    ['00:01:80:00:00:00', 0x0001, 0x80000000 | 0],
  ])('%s is read and written', (text, high, low) => {
    expect(parseMac(text)).toEqual({ high, low });
    expect(formatMac(high, low)).toBe(text);
  });

  test('parseMac() takes upper case, and dashes', () => {
    expect(parseMac('00-00-5E-00-53-FF')).toEqual({ high: 0, low: 0x5e0053ff });
  });

  test.each([
    '',
    '02:42:ac:11:00',
    '02:42:ac:11:00:02:03',
    '02:42:ac:11:00:2',
    '02:42:ac-11:00:02',
    '0242ac110002',
    '02:42:ac:11:00:0g',
    ' 02:42:ac:11:00:02',
    '02:42:ac:11:00:02\n',
  ])('parseMac() refuses %j', (text) => {
    expect(parseMac(text)).toBeNull();
  });
});
