import { describe, expect, test } from 'vitest';
import { measure } from '../../bench/measure.ts';

const EFFORT = { runs: 3, runMs: 2 };

describe('measure()', () => {
  test('takes the samples of a case that measures itself', () => {
    let next = 0;
    expect(measure({ sample: () => ++next }, EFFORT)).toEqual([1, 2, 3]);
  });

  test('gives one positive time a run', () => {
    let sum = 0;
    const run = () => {
      sum += Math.sqrt(sum);
    };
    const runs = measure({ packets: 10, run }, EFFORT);
    expect(runs).toHaveLength(3);
    expect(Math.min(...runs)).toBeGreaterThan(0);
  });

  test('refills before every run', () => {
    let stock = 0;
    let worst = 0;
    const run = () => {
      worst = Math.min(worst, --stock);
      for (let i = 0; i < 10_000; i++) Math.imul(i, i);
    };
    const refill = () => {
      stock = 1;
    };
    measure({ packets: 1, run, refill }, EFFORT);
    expect(worst).toBe(0);
  });
});
