import { describe, expect, test } from 'vitest';
import { DeadlineError, settledWithin, withDeadline } from '../../../controlplane/transport/deadline.ts';

const later = <T>(ms: number, value: T) => new Promise<T>((resolve) => setTimeout(() => resolve(value), ms));

describe('withDeadline()', () => {
  test('yields what comes in time, and rejects as the work does', async () => {
    const discarded: number[] = [];
    expect(await withDeadline(Promise.resolve(1), 50, (late) => discarded.push(late))).toBe(1);
    await expect(withDeadline(Promise.reject(new RangeError('no')), 50)).rejects.toThrow(RangeError);
    await later(80, null);
    expect(discarded).toEqual([]);
  });

  test('hands what comes too late to discard', async () => {
    const discarded: number[] = [];
    await expect(withDeadline(later(60, 2), 20, (late) => discarded.push(late))).rejects.toThrow(
      DeadlineError,
    );
    await later(80, null);
    expect(discarded).toEqual([2]);
  });
});

describe('settledWithin()', () => {
  test('takes failures and silence alike', async () => {
    await settledWithin(Promise.reject(new Error('no')), 50);
    const startedAt = performance.now();
    await settledWithin(new Promise(() => {}), 30);
    expect(performance.now() - startedAt).toBeGreaterThan(20);
  });
});
