/** A relay is there again when the thread of its queue died. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeHosts } from '../../support/describe-hosts.ts';
import { Lab, type Namespace } from '../../support/netns.ts';
import { kill, openSite, type Site, VNI } from './pools.ts';
import { relaySpec } from './relay-network-rig.ts';
import { SWITCH } from './switch-rig.ts';

const { port: _, ...SETTINGS } = relaySpec();

describeHosts('A relay of a pool', () => {
  const lab = new Lab();
  let host: Namespace;
  beforeAll(() => {
    host = lab.addHost('a');
  });
  afterAll(() => lab.close());

  test.each([
    ['IP packets', null],
    ['Ethernet frames', SWITCH],
  ])('comes back with its queue in a network of %s, and goes when it is taken away', async (_name, own) => {
    const networks = [{ vni: VNI, interfaceName: null, switch: own }];
    const { pool, heard }: Site = await openSite(host, { networks });
    try {
      const relay = pool.network(VNI)?.relay;
      await relay?.set(SETTINGS);
      expect(await relay?.read()).toMatchObject({ sessions: 0, maxSessions: 64 });
      kill(pool, 0);
      await expect.poll(() => heard.replaced.length, { timeout: 10_000 }).toBe(1);
      await expect.poll(() => relay?.read(), { timeout: 5_000 }).toMatchObject({ maxSessions: 64 });
      await relay?.set(null);
      expect(await relay?.read()).toBeNull();
      await pool.network(VNI)?.relay?.set(SETTINGS);
      await pool.removeNetwork(VNI);
    } finally {
      await pool.close();
    }
  });
});
