import { describe, expect, test } from 'vitest';
import { DialTurns, MAX_DIALS_PER_KEY } from '../../../controlplane/transport/dial-turns.ts';

const KEY = new Uint8Array(32).fill(1);
const OTHER_KEY = new Uint8Array(32).fill(2);

/** Takes every turn that one key has. */
async function takeAll(turns: DialTurns): Promise<(() => void)[]> {
  const taken = Array.from({ length: MAX_DIALS_PER_KEY }, () => turns.take(KEY, 1_000));
  return (await Promise.all(taken)).filter((end) => end !== null);
}

describe('DialTurns.take()', () => {
  test('bounds the dials to one peer, and gives turns to who waits longest', async () => {
    const turns = new DialTurns();
    const ends = await takeAll(turns);
    expect(ends).toHaveLength(MAX_DIALS_PER_KEY);
    const order: number[] = [];
    const waiting = [1, 2].map(async (n) => {
      const end = await turns.take(KEY, 5_000);
      order.push(n);
      return end;
    });
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(order).toEqual([]);
    ends[0]?.();
    const first = await waiting[0];
    expect(order).toEqual([1]);
    first?.();
    await waiting[1];
    expect(order).toEqual([1, 2]);
  });

  test('lets a peer that does not answer delay no other', async () => {
    const turns = new DialTurns();
    await takeAll(turns);
    expect(await turns.take(OTHER_KEY, 1_000)).not.toBeNull();
  });

  test('gives up after the time, and no turn is lost with it', async () => {
    const turns = new DialTurns();
    const ends = await takeAll(turns);
    expect(await turns.take(KEY, 20)).toBeNull();
    for (const end of ends) end();
    expect(turns.size).toBe(0);
    expect(await takeAll(turns)).toHaveLength(MAX_DIALS_PER_KEY);
  });
});
