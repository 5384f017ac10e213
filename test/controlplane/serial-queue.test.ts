import { describe, expect, test } from 'vitest';
import { SerialQueue } from '../../controlplane/serial-queue.ts';
import { settle } from './simulation/sim-clock.ts';

describe('SerialQueue.run()', () => {
  test('starts a task only when the one before is over', async () => {
    const queue = new SerialQueue();
    const log: string[] = [];
    let release: () => void = () => {};
    const first = queue.run(async () => {
      log.push('first starts');
      await new Promise<void>((resolve) => {
        release = resolve;
      });
      log.push('first ends');
    });
    const second = queue.run(async () => {
      log.push('second');
      return 2;
    });
    await settle();
    expect(log).toEqual(['first starts']);
    release();
    await first;
    expect(await second).toBe(2);
    expect(log).toEqual(['first starts', 'first ends', 'second']);
  });

  test('goes on after a task that failed', async () => {
    const queue = new SerialQueue();
    const failing = queue.run(() => Promise.reject(new Error('no')));
    const next = queue.run(async () => 'done');
    await expect(failing).rejects.toThrow('no');
    expect(await next).toBe('done');
  });
});
