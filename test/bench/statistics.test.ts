import { describe, expect, test } from 'vitest';
import { median, percentile, ratio, summarize } from '../../bench/statistics.ts';

describe('median()', () => {
  test('is the middle one, whatever the order', () => {
    expect(median([9, 1, 5])).toBe(5);
    expect(median([10, 9, 100])).toBe(10);
  });

  test('lies between the middle two of an even number', () => {
    expect(median([4, 1, 3, 100])).toBe(3.5);
  });

  test('is NaN for nothing', () => {
    expect(median([])).toBeNaN();
  });
});

describe('percentile()', () => {
  const hundred = Array.from({ length: 100 }, (_, i) => 100 - i);

  test('takes the nearest rank', () => {
    expect(percentile(hundred, 0.99)).toBe(99);
    expect(percentile(hundred, 0)).toBe(1);
    expect(percentile(hundred, 1)).toBe(100);
    expect(percentile([7], 0.5)).toBe(7);
  });

  test('is NaN for nothing', () => {
    expect(percentile([], 0.5)).toBeNaN();
  });
});

test('summarize() gives median, least and most', () => {
  expect(summarize([3, 1, 2])).toEqual({ value: 2, least: 1, most: 3 });
});

describe('ratio()', () => {
  test('is how many times the base', () => {
    expect(ratio(6, 4)).toBe(1.5);
  });

  test('says nothing without either, or with a base of 0', () => {
    expect(ratio(null, 4)).toBeNull();
    expect(ratio(4, null)).toBeNull();
    expect(ratio(4, 0)).toBeNull();
    expect(ratio(Number.NaN, 4)).toBeNull();
  });
});
