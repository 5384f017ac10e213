import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  formatDuration,
  formatEndpoint,
  parseDuration,
  parseEndpoint,
  parseInterfaceName,
  parseListen,
  parsePeerName,
  ValueError,
} from '../../../cli/config/text-values.ts';

describe('parseDuration()', () => {
  test.each([
    ['500ms', 500],
    ['25s', 25_000],
    ['2m', 120_000],
    ['1h30m', 5_400_000],
    ['0.5s', 500],
  ])('reads %s', (text, ms) => expect(parseDuration(text)).toBe(ms));

  test.each(['', '5', 's', '5 s', '-5s', '5s!', '1d', '5S', '1e3s'])('refuses %j', (text) => {
    expect(() => parseDuration(text)).toThrow(ValueError);
  });

  test('reads what formatDuration() writes', () => {
    fc.assert(
      fc.property(fc.nat(100_000_000), (ms) => {
        expect(parseDuration(formatDuration(ms))).toBe(ms);
      }),
    );
  });
});

describe('parseListen()', () => {
  test('reads an address with a port', () => {
    expect(parseListen('0.0.0.0:6083')).toEqual({ host: '0.0.0.0', port: 6083 });
    expect(parseListen('[::1]:1')).toEqual({ host: '::1', port: 1 });
  });

  test.each([':6083', '*:6083', '6083', 'localhost:6083', '127.0.0.1', '::1:6083', ''])(
    'refuses %j and says how to write it',
    (text) => expect(() => parseListen(text)).toThrow(`"${text}" is not an address with a port`),
  );
});

describe('parseEndpoint()', () => {
  test.each([
    ['host-b', 'host-b', 6081],
    ['b.example.com:7000', 'b.example.com', 7000],
    ['192.0.2.2', '192.0.2.2', 6081],
    ['192.0.2.2:1', '192.0.2.2', 1],
    ['2001:db8::2', '2001:db8::2', 6081],
    ['[2001:db8::2]', '2001:db8::2', 6081],
    ['[2001:db8::2]:65535', '2001:db8::2', 65_535],
    ['::1', '::1', 6081],
  ])('reads %s', (text, host, port) => expect(parseEndpoint(text, 6081)).toEqual({ host, port }));

  test.each([
    '',
    ':6081',
    'a b',
    '1.2.3',
    '300.1.1.1',
    '[1.2.3.4]:5',
    '[::1',
    '::1]:5',
    'fe80::1%eth0',
    '[fe80::1%eth0]:1',
    'host:',
    'host:0',
    'host:65536',
    'host:1x',
    '-host',
    'a..b',
    'http://b',
    '2001:db8::2::',
  ])('refuses %j', (text) => expect(() => parseEndpoint(text, 6081)).toThrow(ValueError));

  test('reads what formatEndpoint() writes', () => {
    const host = fc.oneof(fc.ipV4(), fc.ipV6(), fc.domain());
    fc.assert(
      fc.property(host, fc.integer({ min: 1, max: 65_535 }), (name, port) => {
        expect(parseEndpoint(formatEndpoint({ host: name, port }), 1)).toEqual({ host: name, port });
      }),
    );
  });
});

describe('parseInterfaceName()', () => {
  test.each(['icx0', 'a', 'abcdefghijklmno', 'wan.1', 'x-y_z+='])('takes %s', (name) => {
    expect(parseInterfaceName(name)).toBe(name);
  });
  test.each(['', 'abcdefghijklmnop', '.', '..', 'a/b', 'a b', 'a:b', 'icx%d', '-x', 'ä', 'a\n'])(
    'refuses %j',
    (name) => expect(() => parseInterfaceName(name)).toThrow(ValueError),
  );
});

describe('parsePeerName()', () => {
  test.each(['host-b', 'Zürich', 'a/b+c='])('takes %s', (name) => expect(parsePeerName(name)).toBe(name));
  test.each(['', 'a b', 'a\u001b[31m', 'a\n', '-x', 'x'.repeat(64)])('refuses %j', (name) => {
    expect(() => parsePeerName(name)).toThrow(ValueError);
  });
});
