import { describe, expect, test } from 'vitest';
import { formatMac, parseMac } from '../../../dataplane/wire/mac-text.ts';

describe('parseMac()', () => {
  test.each([
    ['02:42:ac:11:00:02', { hi: 0x0242, lo: 0xac110002 | 0 }],
    ['00-00-5E-00-53-FF', { hi: 0, lo: 0x5e0053ff }],
    ['ff:ff:ff:ff:ff:ff', { hi: 0xffff, lo: -1 }],
  ])('reads %s', (text, mac) => {
    expect(parseMac(text)).toEqual(mac);
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
  ])('refuses %j', (text) => {
    expect(parseMac(text)).toBeNull();
  });
});

test.each(['00:00:00:00:00:01', '02:42:ac:11:00:02', 'ff:ff:ff:ff:ff:ff'])(
  'formatMac() writes %s',
  (text) => {
    expect(formatMac(parseMac(text) ?? { hi: 0, lo: 0 })).toBe(text);
  },
);
