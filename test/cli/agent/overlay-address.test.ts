/** Which addresses can only be reached through the overlay. */
import { expect, test } from 'vitest';
import { isOverlayAddress } from '../../../cli/agent/overlay-address.ts';

const OWN = ['10.77.0.1/24', 'fd77::1/64', '198.51.100.9', 'fe80::1/64'];

test.each([
  ['10.77.0.2', true],
  ['10.77.0.255', true],
  ['10.77.1.2', false],
  ['192.0.2.2', false],
  ['fd77::ffff:1', true],
  ['fd77:0:0:1::1', false],
  // An address without a length is a subnet of its own.
  ['198.51.100.9', true],
  ['198.51.100.8', false],
  ['fe80::2%eth0', true],
  ['2001:db8::1', false],
])('isOverlayAddress() of %s is %s', (address, expected) => {
  expect(isOverlayAddress(OWN, address)).toBe(expected);
});

test('isOverlayAddress() of an interface with default routes for subnets takes one family only', () => {
  expect(isOverlayAddress(['10.0.0.1/0'], '192.0.2.1')).toBe(true);
  expect(isOverlayAddress(['10.0.0.1/0'], '2001:db8::1')).toBe(false);
  expect(isOverlayAddress([], '192.0.2.1')).toBe(false);
});
