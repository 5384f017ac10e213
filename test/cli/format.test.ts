import { describe, expect, test } from 'vitest';
import { formatAge, formatBytes, formatLatency, plural, printable } from '../../cli/format.ts';

describe('formatBytes()', () => {
  test.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1.00 KiB'],
    [1024 ** 2 - 1, '1024.00 KiB'],
    [1.5 * 1024 ** 3, '1.50 GiB'],
    [Number.MAX_SAFE_INTEGER, '8.00 PiB'],
  ])('%d → %s', (bytes, text) => expect(formatBytes(bytes)).toBe(text));
});

describe('formatAge()', () => {
  test.each([
    [0.9, 'less than a second'],
    [1, '1 second'],
    [61, '1 minute, 1 second'],
    [3600, '1 hour'],
    [200_000, '2 days, 7 hours, 33 minutes, 20 seconds'],
  ])('%d → %s', (seconds, text) => expect(formatAge(seconds)).toBe(text));
});

describe('formatLatency()', () => {
  test.each([
    [0.00042, '0.42 ms'],
    [0.0351, '35.1 ms'],
    [1.2, '1.20 s'],
  ])('%d → %s', (seconds, text) => expect(formatLatency(seconds)).toBe(text));
});

test('plural() knows one', () =>
  expect([plural(1, 'peer'), plural(0, 'peer')]).toEqual(['1 peer', '0 peers']));

test('printable() takes the power from control characters', () => {
  expect(printable('a\u001b[2Jb\r\nc\u202e')).toBe('a�[2Jb�c�');
});
