import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import {
  busyShare,
  cpuSeconds,
  family,
  parsePeakRss,
  parseStat,
  peakRssBytes,
} from '../../../bench/end-to-end/usage.ts';

describe('parseStat()', () => {
  test('adds up own and children’s time, whatever the command is called', () => {
    const stat = '42 (a) b) (c) S 7 42 42 0 -1 4194304 1 2 3 4 100 50 25 5 20 0 11 0';
    expect(parseStat(stat)).toEqual({ parent: 7, cpuSeconds: 1.8 });
  });

  test('agrees with Node on this process', () => {
    const { parent, cpuSeconds: seconds } = parseStat(readFileSync('/proc/self/stat', 'utf8'));
    const { user, system } = process.cpuUsage();
    expect(parent).toBe(process.ppid);
    expect(seconds).toBeGreaterThanOrEqual((user + system) / 1e6 - 0.1);
  });
});

test('parsePeakRss() reads kB, and 0 for a kernel thread', () => {
  expect(parsePeakRss('Name:\tx\nVmHWM:\t  2048 kB\nVmRSS:\t 1 kB\n')).toBe(2_097_152);
  expect(parsePeakRss('Name:\tkthreadd\n')).toBe(0);
});

test('family() follows children of children and leaves out the dead', () => {
  const stat = (parent: number) => ({ parent, cpuSeconds: 0 });
  const stats = new Map([
    [30, stat(20)],
    [10, stat(1)],
    [20, stat(10)],
    [99, stat(1)],
  ]);
  expect(family([10, 77], stats).sort()).toEqual([10, 20, 30]);
});

test('cpuSeconds() and peakRssBytes() of this process are something, of none nothing', () => {
  expect(cpuSeconds([process.pid])).toBeGreaterThan(0);
  expect(peakRssBytes([process.pid])).toBeGreaterThan(1e6);
  expect(cpuSeconds([])).toBe(0);
});

describe('busyShare()', () => {
  test('is what was neither idle nor waiting, guest time counted once', () => {
    const before = 'cpu  100 0 100 1000 10 0 0 0 50 0\ncpu0 1 1 1 1\n';
    const after = 'cpu  120 0 110 1060 20 0 0 0 70 0\ncpu0 1 1 1 1\n';
    expect(busyShare(before, after)).toBeCloseTo(0.3);
  });

  test('is NaN when no time passed', () => {
    expect(busyShare('cpu  1 1 1 1 1 1 1 1', 'cpu  1 1 1 1 1 1 1 1')).toBeNaN();
  });
});
