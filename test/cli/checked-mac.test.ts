import { describe, expect, test } from 'vitest';
import { checkedMac } from '../../cli/checked-mac.ts';

describe('checkedMac()', () => {
  test.each([
    ['02:42:ac:11:00:02', '02:42:ac:11:00:02'],
    ['AE:00:00:00:00:FF', 'ae:00:00:00:00:ff'],
  ])('takes %s', (text, mac) => expect(checkedMac(text)).toBe(mac));

  test.each([
    ['02:42:ac:11:00', '"02:42:ac:11:00" is not a MAC address'],
    ['02:42:ac:11:00:2', '"02:42:ac:11:00:2" is not a MAC address'],
    ['02-42-ac-11-00-02', '"02-42-ac-11-00-02" is not a MAC address'],
    ['02:42:ac:11:00:02\n', '"02:42:ac:11:00:02\\n" is not a MAC address'],
    ['03:42:ac:11:00:02', '03:42:ac:11:00:02 is the address of a group'],
    ['ff:ff:ff:ff:ff:ff', 'ff:ff:ff:ff:ff:ff is the address of a group'],
    ['00:00:00:00:00:00', '00:00:00:00:00:00 is the address of no station'],
  ])('refuses %j as wrong usage', (text, message) => {
    expect(() => checkedMac(text)).toThrow(expect.objectContaining({ message, exit: 2 }));
  });
});
