/** The order of what is done for containers. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { SerialQueue } from '../../../cli/containers/serial-queue.ts';

describe('SerialQueue', () => {
  const traced = (trace: string[], name: string, ms: number) => async () => {
    trace.push(`${name} begins`);
    await sleep(ms);
    trace.push(`${name} ends`);
    return name;
  };

  test('run() keeps the order of one key and lets others pass', async () => {
    const queue = new SerialQueue();
    const trace: string[] = [];
    const results = await Promise.all([
      queue.run('a', traced(trace, 'a1', 40)),
      queue.run('a', traced(trace, 'a2', 1)),
      queue.run('b', traced(trace, 'b1', 10)),
    ]);
    expect(results).toEqual(['a1', 'a2', 'b1']);
    expect(trace).toEqual(['a1 begins', 'b1 begins', 'b1 ends', 'a1 ends', 'a2 begins', 'a2 ends']);
  });

  test('a failure reaches its caller alone', async () => {
    const queue = new SerialQueue();
    const failed = queue.run('a', () => Promise.reject(new Error('no')));
    const next = queue.run('a', async () => 'yes');
    await expect(failed).rejects.toThrow('no');
    expect(await next).toBe('yes');
  });

  test('idle() waits for what comes while it waits', async () => {
    const queue = new SerialQueue();
    const trace: string[] = [];
    const first = queue.run('a', traced(trace, 'a1', 5)).then(() => queue.run('a', traced(trace, 'a2', 5)));
    await queue.idle();
    await first;
    expect(trace.at(-1)).toBe('a2 ends');
    await queue.idle();
  });
});
