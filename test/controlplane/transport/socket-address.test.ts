import { describe, expect, test } from 'vitest';
import {
  bindAddresses,
  checkReachable,
  hostOf,
  joinHostPort,
  sourceOf,
} from '../../../controlplane/transport/socket-address.ts';
import { TransportError } from '../../../controlplane/transport/transport.ts';

describe('bindAddresses()', () => {
  test.each([
    ['0.0.0.0', ['0.0.0.0:6082', '[::1]:0']],
    ['192.0.2.1', ['192.0.2.1:6082', '[::1]:0']],
    ['2001:db8::1', ['[2001:db8::1]:6082', '127.0.0.1:0']],
    ['::', ['[::]:6082', '0.0.0.0:6082']],
  ])('%s: names both families', (listen, expected) => {
    expect(bindAddresses(listen, 6082)).toEqual(expected);
  });

  test('refuses what is no address', () => {
    expect(() => bindAddresses('eth0', 6082)).toThrow(TransportError);
  });
});

describe('hostOf()', () => {
  test.each([
    ['192.0.2.1:6082', '192.0.2.1'],
    ['[2001:db8::1]:6082', '2001:db8::1'],
    ['[::ffff:192.0.2.1]:6082', '192.0.2.1'],
    ['::ffff:192.0.2.1:6082', '192.0.2.1'],
  ])('%s is at %s', (text, host) => {
    expect(hostOf(text)).toBe(host);
  });

  test('takes apart what joinHostPort() joined', () => {
    for (const host of ['192.0.2.1', 'fe80::1', '::1']) expect(hostOf(joinHostPort(host, 1))).toBe(host);
  });
});

describe('sourceOf()', () => {
  test.each([
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:0db8:0001:2::', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['::', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['1::2:3:4:5:6:7', '1:0:2:3::/64'],
    ['64:ff9b:1:2:3:4:192.0.2.1', '64:ff9b:1:2::/64'],
    ['64:ff9b::192.0.2.1', '64:ff9b:0:0::/64'],
    ['an unknown address', 'an unknown address'],
  ])('%s is of %s', (address, source) => {
    expect(sourceOf(address)).toBe(source);
  });
});

describe('checkReachable()', () => {
  test.each([
    ['0.0.0.0', '192.0.2.1'],
    ['::', '192.0.2.1'],
    ['::', '2001:db8::1'],
    ['2001:db8::2', '2001:db8::1'],
  ])('from %s to %s', (listen, host) => {
    expect(() => checkReachable(listen, host, 1)).not.toThrow();
  });

  test.each([
    ['0.0.0.0', '2001:db8::1'],
    ['2001:db8::2', '192.0.2.1'],
    ['::', 'host.example'],
  ])('not from %s to %s', (listen, host) => {
    expect(() => checkReachable(listen, host, 1)).toThrow(/Cannot dial/);
  });
});
