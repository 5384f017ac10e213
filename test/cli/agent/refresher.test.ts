import { describe, expect, test } from 'vitest';
import { Refresher } from '../../../cli/agent/refresher.ts';

function setUp() {
  const log: string[] = [];
  const failures: string[] = [];
  const turns: (() => void)[] = [];
  const work = (name: string) => async () => {
    log.push(`${name} begins`);
    await new Promise<void>((resolve) => turns.push(resolve));
    log.push(`${name} ends`);
    if (name === 'routes' && log.length > 6) throw new Error('no ip');
  };
  const refresher = new Refresher({ measure: work('measure'), routes: work('routes') }, ({ message }) =>
    failures.push(message),
  );
  const finish = async () => {
    for (let i = 0; i < 10; i++) {
      await new Promise((resolve) => setImmediate(resolve));
      turns.shift()?.();
    }
  };
  return { refresher, log, failures, finish };
}

describe('Refresher', () => {
  test('does one after the other, and what waits for all who ask meanwhile', async () => {
    const { refresher, log, finish } = setUp();
    const first = refresher.now('measure');
    for (let i = 0; i < 5; i++) refresher.soon('routes');
    for (let i = 0; i < 5; i++) refresher.soon('measure');
    await finish();
    await first;
    expect(log).toEqual([
      'measure begins',
      'measure ends',
      'routes begins',
      'routes ends',
      'measure begins',
      'measure ends',
    ]);
  });

  test('measuring that waits is good for routes too, measuring that began is not', async () => {
    const { refresher, log, finish } = setUp();
    const begun = () => log.filter((line) => line.endsWith('begins'));
    refresher.soon('measure');
    refresher.soon('routes');
    await finish();
    expect(begun()).toEqual(['measure begins']);
    refresher.soon('measure');
    await new Promise((resolve) => setImmediate(resolve));
    refresher.soon('routes');
    await finish();
    expect(begun().slice(1)).toEqual(['measure begins', 'routes begins']);
  });

  test('goes on after a failure, which whoever waits hears of', async () => {
    const { refresher, log, failures, finish } = setUp();
    for (let i = 0; i < 3; i++) void refresher.now('measure');
    refresher.soon('routes');
    const waited = refresher.now('routes');
    const outcome = waited.catch(({ message }: Error) => message);
    await finish();
    expect(failures).toEqual(['no ip']);
    expect(await outcome).toBe('no ip');
    expect(log.at(-1)).toBe('routes ends');
  });
});
