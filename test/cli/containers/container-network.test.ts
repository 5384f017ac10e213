/** Addresses of containers and networks. */
import { describe, expect, test } from 'vitest';
import { addressOf, isWithin, networkOf, sameAddress } from '../../../cli/containers/container-network.ts';

describe('addresses', () => {
  test.each([
    ['10.1.2.3/24', '10.1.2.0/24'],
    ['10.1.2.3/0', '0.0.0.0/0'],
    ['10.1.2.3/32', '10.1.2.3/32'],
    ['fd01:0:0:1::5/64', 'fd01:0:0:1::/64'],
    ['ffff::1/1', '8000::/1'],
    ['::/0', '::/0'],
  ])('networkOf(%s) is %s', (cidr, network) => {
    expect(networkOf(cidr)).toBe(network);
  });

  test('addressOf() is canonical', () => {
    expect(addressOf('fd01:0:0:0::5/64')).toBe('fd01::5');
    expect(addressOf('10.1.0.5')).toBe('10.1.0.5');
  });

  test('isWithin() and sameAddress() keep families apart', () => {
    expect(isWithin('10.1.0.5', '10.1.0.9/24')).toBe(true);
    expect(isWithin('10.1.1.5/24', '10.1.0.9/24')).toBe(false);
    expect(isWithin('::', '0.0.0.0/0')).toBe(false);
    expect(sameAddress('fd01::5/64', 'fd01:0::5')).toBe(true);
    expect(sameAddress('0.0.0.0', '::')).toBe(false);
  });
});
