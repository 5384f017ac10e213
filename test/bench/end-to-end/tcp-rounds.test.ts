import { expect, test } from 'vitest';
import { summarizeRuns } from '../../../bench/end-to-end/tcp-rounds.ts';

test('summarizeRuns() compares the medians with that of the first', () => {
  const runs = [
    [4, 2, 3],
    [1, 9, 6],
  ];
  expect(summarizeRuns(['slow', 'fast'], runs)).toEqual([
    { name: 'slow', value: 3, least: 2, most: 4, runs: 3, base: null, ratio: null },
    { name: 'fast', value: 6, least: 1, most: 9, runs: 3, base: 'slow', ratio: 2 },
  ]);
});

test('summarizeRuns() of nothing is nothing', () => {
  expect(summarizeRuns([], [])).toEqual([]);
});
