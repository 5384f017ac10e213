import { describe, expect, test } from 'vitest';
import { SimPair } from './simulation/sim-pair.ts';

describe('ControlPlane', () => {
  test('start() connects two hosts and agrees SAs both ways', async () => {
    const pair = new SimPair({ lanes: [2, 3], peer: { hybrid: true } });
    const ms = await pair.connect();
    expect(ms).toBeLessThan(200);
    expect(pair.violations).toEqual([]);
    await pair.traffic(1_000);
    console.log(pair.lower.status(), pair.higher.status(), pair.lower.states, pair.higher.states, pair.lower.plane.delivered, pair.lower.plane.lost);
    const r = await pair.during(pair.lower.control!.rekey());
    console.dir(r, { depth: 5 });
    const r2 = await pair.during(pair.higher.control!.rekey());
    console.dir(r2, { depth: 5 });
    console.log(pair.violations, pair.standing, pair.lower.rekeys, pair.higher.rekeys);
  });
});
