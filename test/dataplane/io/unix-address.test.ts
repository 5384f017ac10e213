import { expect, test } from 'vitest';
import { SOCKADDR_UN_LEN, unixAddress, unixPath } from '../../../dataplane/io/unix-address.ts';

const AF_UNIX = 1;

test.each([
  ['/run/a', '\x01\0/run/a\0'],
  ['@name', '\x01\0\0name'],
])('unixAddress() of %s, and back', (path, expected) => {
  const sockaddr = unixAddress(path, 'socket');
  expect(Buffer.from(sockaddr).toString('latin1')).toBe(expected);
  expect(sockaddr[0]).toBe(AF_UNIX);
  expect(unixPath(sockaddr, sockaddr.length)).toBe(path);
});

test('unixAddress() takes names that just fit, and of UTF-8 the bytes count', () => {
  expect(unixAddress(`/${'x'.repeat(106)}`, 'socket')).toHaveLength(SOCKADDR_UN_LEN);
  expect(unixAddress(`@${'x'.repeat(107)}`, 'socket')).toHaveLength(SOCKADDR_UN_LEN);
  expect(() => unixAddress(`/${'ä'.repeat(54)}`, 'socket')).toThrow('longer than 107 bytes');
});

test.each(['', 'relative', `/${'x'.repeat(107)}`, `@${'x'.repeat(108)}`])(
  "unixAddress() refuses '%s'",
  (path) => {
    expect(() => unixAddress(path, 'VM socket')).toThrow(/^Cannot use VM socket '/);
  },
);

test('unixPath() ends at the end mark or with the address, and is empty for an unnamed one', () => {
  const sockaddr = Buffer.from('\x01\0/run/a\0left over', 'latin1');
  expect(unixPath(sockaddr, 9)).toBe('/run/a');
  expect(unixPath(sockaddr, 8)).toBe('/run/a');
  expect(unixPath(sockaddr, 7)).toBe('/run/');
  expect(unixPath(sockaddr, 2)).toBe('');
  expect(unixPath(sockaddr, 0)).toBe('');
});
