import { describe, expect, test } from 'vitest';
import {
  parseBindAddress,
  parseFileMode,
  parseGroup,
  parseMac,
  parseSocketPath,
  parseUnicast,
} from '../../../cli/config/network-values.ts';
import { ValueError } from '../../../cli/config/text-values.ts';

describe('parseMac()', () => {
  test.each([
    ['02:42:AC:11:00:02', '02:42:ac:11:00:02'],
    ['fe:ff:ff:ff:ff:ff', 'fe:ff:ff:ff:ff:ff'],
  ])('reads %s', (text, mac) => expect(parseMac(text)).toBe(mac));

  test.each([
    ['', 'not a MAC address'],
    ['02:42:ac:11:00', 'not a MAC address'],
    ['02:42:ac:11:00:02:03', 'not a MAC address'],
    ['02-42-ac-11-00-02', 'not a MAC address'],
    ['2:42:ac:11:0:2', 'not a MAC address'],
    ['02:42:ac:11:00:0g', 'not a MAC address'],
    ['01:00:5e:00:00:01', 'of a group'],
    ['ff:ff:ff:ff:ff:ff', 'of a group'],
    ['00:00:00:00:00:00', 'no station'],
  ])('refuses %j: %s', (text, message) => {
    expect(() => parseMac(text)).toThrow(ValueError);
    expect(() => parseMac(text)).toThrow(message);
  });
});

describe('parseUnicast()', () => {
  test.each([
    ['192.0.2.1', '192.0.2.1'],
    ['2001:DB8:0::1', '2001:db8::1'],
    ['223.255.255.255', '223.255.255.255'],
  ])('reads %s', (text, address) => expect(parseUnicast(text)).toBe(address));

  test.each([
    '224.0.0.1',
    '239.255.255.255',
    'ff02::1',
    '0.0.0.0',
    '::',
    '255.255.255.255',
    '240.0.0.1',
    'host',
    '192.0.2.1/32',
  ])('refuses %s', (text) => expect(() => parseUnicast(text)).toThrow(ValueError));
});

describe('parseBindAddress()', () => {
  test.each([
    ['0.0.0.0', '0.0.0.0'],
    ['0::0', '::'],
    ['192.0.2.1', '192.0.2.1'],
  ])('reads %s', (text, address) => expect(parseBindAddress(text)).toBe(address));

  test.each(['239.1.1.1', 'FF05::1', 'localhost'])('refuses %s', (text) =>
    expect(() => parseBindAddress(text)).toThrow(ValueError),
  );
});

describe('parseGroup()', () => {
  test.each([
    ['224.0.0.0', '224.0.0.0'],
    ['239.255.255.255', '239.255.255.255'],
    ['FF05:0::1', 'ff05::1'],
  ])('reads %s', (text, group) => expect(parseGroup(text)).toBe(group));

  test.each(['223.255.255.255', '240.0.0.0', 'fe80::1', '::'])('refuses %s', (text) =>
    expect(() => parseGroup(text)).toThrow('not a multicast address'),
  );
});

describe('parseFileMode()', () => {
  test.each([
    ['0660', 0o660],
    ['600', 0o600],
    ['0777', 0o777],
  ])('reads %s', (text, mode) => expect(parseFileMode(text)).toBe(mode));

  test.each(['0680', '66', '1660', '01660', '0o660', 'rw-rw----', ''])('refuses %j', (text) =>
    expect(() => parseFileMode(text)).toThrow(ValueError),
  );
});

describe('parseSocketPath()', () => {
  test('starts from a directory', () => {
    expect(parseSocketPath('vm/../vm1.sock', '/etc/icx')).toBe('/etc/icx/vm1.sock');
    expect(parseSocketPath('/run/vm1.sock', '/etc/icx')).toBe('/run/vm1.sock');
  });

  test('takes 107 bytes and no more, of the whole path', () => {
    expect(parseSocketPath(`/${'a'.repeat(106)}`, '/')).toHaveLength(107);
    expect(() => parseSocketPath(`/${'a'.repeat(107)}`, '/')).toThrow('is 108 bytes long');
    expect(() => parseSocketPath('a'.repeat(102), '/run')).not.toThrow();
    expect(() => parseSocketPath('a'.repeat(103), '/run')).toThrow(ValueError);
    expect(() => parseSocketPath(`/${'é'.repeat(54)}`, '/')).toThrow('is 109 bytes long');
  });

  test('refuses a zero byte, which would end the path', () => {
    expect(() => parseSocketPath('/run/a\0b', '/')).toThrow(ValueError);
  });
});
