/** What the underlay's routes leave for each network and peer. */
import { afterEach, describe, expect, test, vi } from 'vitest';
import { Underlay } from '../../../cli/agent/underlay.ts';
import type { UnderlayRoute } from '../../../cli/host/underlay-mtu.ts';

const routes = vi.hoisted(() => ({ asked: [] as string[], mtu: new Map<string, number | null>() }));
vi.mock('../../../cli/host/underlay-mtu.ts', async (original) => ({
  ...(await original<typeof import('../../../cli/host/underlay-mtu.ts')>()),
  underlayRoutes: async (addresses: readonly string[]): Promise<UnderlayRoute[]> => {
    routes.asked = [...addresses];
    return addresses.map((address) => ({ address, mtuBytes: routes.mtu.get(address) ?? null }));
  },
}));
afterEach(() => routes.mtu.clear());

const needs = (vni: number, slots: number[], headerLen = 0) => ({
  vni,
  mtu: 'auto' as const,
  hasIpv6: false,
  headerLen,
  slots,
});

describe('Underlay', () => {
  test('setEndpoint() tells what is news', () => {
    const underlay = new Underlay(6_081);
    const endpoint = { address: '192.0.2.1', port: 1 };
    expect(underlay.setEndpoint(1, endpoint)).toBe(true);
    expect(underlay.setEndpoint(1, { ...endpoint })).toBe(false);
    expect(underlay.setEndpoint(1, { ...endpoint, port: 2 })).toBe(true);
    expect(underlay.setEndpoint(1, null)).toBe(true);
    expect(underlay.setEndpoint(1, null)).toBe(false);
    expect(underlay.endpoint(1)).toBeNull();
  });

  test('measure() lets a narrow path be only the networks’ whose peer it leads to', async () => {
    const underlay = new Underlay(6_081);
    routes.mtu.set('192.0.2.1', 1_500).set('192.0.2.2', 1_300);
    underlay.setEndpoint(1, { address: '192.0.2.1', port: 1 });
    underlay.setEndpoint(2, { address: '192.0.2.2', port: 1 });
    underlay.setEndpoint(3, { address: '192.0.2.1', port: 9 });
    const measured = await underlay.measure([needs(7, [1, 2]), needs(8, [3], 18), needs(9, [])], []);
    expect(routes.asked).toEqual(['192.0.2.1', '192.0.2.2']);
    // 20 of IPv4, 8 of UDP, 48 of ours.
    expect(measured.get(7)).toMatchObject({
      mtuBytes: 1_224,
      byPeer: new Map([
        [1, 1_424],
        [2, 1_224],
      ]),
    });
    expect(measured.get(8)).toMatchObject({ mtuBytes: 1_424 - 18, byPeer: new Map([[3, 1_424]]) });
    expect(measured.get(9)).toMatchObject({ fragment: false, byPeer: new Map() });
  });
});
