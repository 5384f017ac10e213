import { expect, test } from 'vitest';
import { Pace } from '../../controlplane/pace.ts';
import { SimClock } from './simulation/sim-clock.ts';

test('Pace.request() acts at once, and then once for all who ask within the interval', async () => {
  const clock = new SimClock();
  const startMs = clock.nowMs();
  const acts: number[] = [];
  const pace = new Pace(clock, 50, () => acts.push(clock.nowMs() - startMs));
  pace.request();
  await clock.advance(10);
  for (let i = 0; i < 5; i++) pace.request();
  await clock.advance(200);
  pace.request();
  expect(acts).toEqual([0, 50, 210]);
});

test('Pace.request() while it acts asks for another time', async () => {
  const clock = new SimClock();
  let acts = 0;
  const pace: Pace = new Pace(clock, 50, () => {
    acts += 1;
    if (acts < 3) pace.request();
  });
  pace.request();
  expect(acts).toBe(1);
  await clock.advance(99);
  expect(acts).toBe(2);
  await clock.advance(500);
  expect([acts, clock.pending]).toEqual([3, 0]);
});

test('Pace.cancel() forgets who asked, and no more', async () => {
  const clock = new SimClock();
  let acts = 0;
  const pace = new Pace(clock, 50, () => {
    acts += 1;
  });
  pace.request();
  pace.request();
  pace.cancel();
  await clock.advance(500);
  expect(acts).toBe(1);
  pace.request();
  expect(acts).toBe(2);
});
