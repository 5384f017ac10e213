import { describe, expect, test } from 'vitest';
import {
  bindAddresses,
  checkReachable,
  hostOf,
  joinHostPort,
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
