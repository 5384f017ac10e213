/** The clock of the data plane. */
import { Worker } from 'node:worker_threads';
import { expect, test, vi } from 'vitest';
import { nowMs } from '../../../dataplane/worker/now.ts';

test('nowMs() is Unix time, and does not go back', () => {
  let last = nowMs();
  // The clock may have been set since this process started.
  expect(Math.abs(last - Date.now())).toBeLessThan(60_000);
  for (let i = 0; i < 1_000; i++) {
    const now = nowMs();
    expect(now).toBeGreaterThanOrEqual(last);
    last = now;
  }
});

test('nowMs() does not follow when somebody sets the clock of the host', () => {
  const before = nowMs();
  vi.useFakeTimers({ toFake: ['Date'], now: 0 });
  const after = nowMs();
  vi.useRealTimers();
  expect(after).toBeGreaterThanOrEqual(before);
});

test('nowMs() is the same in every thread', async () => {
  const program = `require('node:worker_threads').parentPort.postMessage(performance.timeOrigin + performance.now())`;
  const before = nowMs();
  const worker = new Worker(program, { eval: true });
  const there = await new Promise<number>((resolve) => worker.once('message', resolve));
  expect(there).toBeGreaterThanOrEqual(before);
  expect(there).toBeLessThanOrEqual(nowMs());
  await worker.terminate();
});
