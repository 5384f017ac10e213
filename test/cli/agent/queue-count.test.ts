/** How many queues `queues = "auto"` makes. */
import { expect, test } from 'vitest';
import { queueCount } from '../../../cli/agent/queue-count.ts';

test.each([
  [1, 1],
  [2, 1],
  [3, 1],
  [4, 2],
  [7, 3],
  [8, 4],
  [64, 4],
])('queueCount() on %i cores is %i', (cores, queues) => {
  expect(queueCount('auto', cores)).toBe(queues);
});

test('queueCount() is what the config says', () => {
  expect(queueCount(7, 1)).toBe(7);
  expect(queueCount('auto')).toBeGreaterThan(0);
});
