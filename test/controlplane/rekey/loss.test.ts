import { describe, expect, test } from 'vitest';
import { allAccepted, countsOf, lostPackets, totalPackets } from '../../../controlplane/rekey/loss.ts';

const counts = (...pairs: [number, number][]) => pairs.map(([spi, packets]) => ({ spi, packets }));

describe('lostPackets()', () => {
  test.each([
    ['nothing sealed', [], [], 0],
    ['all arrived', counts([1, 10], [2, 5]), counts([2, 5], [1, 10]), 0],
    ['some did not', counts([1, 10], [2, 5]), counts([1, 7], [2, 4]), 4],
    ['a surplus on one lane hides no loss on another', counts([1, 10], [2, 5]), counts([1, 12], [2, 4]), 1],
    ['the other end does not know', counts([1, 10]), [], null],
  ])('%s', (_, sealed, accepted, lost) => {
    expect(lostPackets(sealed, accepted)).toBe(lost);
  });
});

describe('countsOf()', () => {
  test('keeps the wanted SPIs only', () => {
    const progress = [1, 2].map((spi) => ({ spi, lane: 0, packets: spi * 10, missing: 0, budgetUsed: 0 }));
    expect(countsOf(progress, [2, 3])).toEqual([{ spi: 2, packets: 20 }]);
  });
});

describe('allAccepted()', () => {
  test('is false while a packet or an SPI is missing', () => {
    expect(allAccepted(counts([1, 2]), counts([1, 1]))).toBe(false);
    expect(allAccepted(counts([1, 2]), [])).toBe(false);
    expect(allAccepted(counts([1, 2]), counts([1, 2]))).toBe(true);
  });
});

test('totalPackets() adds up', () => {
  expect(totalPackets(counts([1, 2], [3, 4]))).toBe(6);
});
