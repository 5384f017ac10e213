/** What the interface shall have on the host. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { carriesIpv6, interfaceMac, interfacePlan } from '../../../cli/agent/interface-plan.ts';
import { loadConfig } from '../../../cli/config/load.ts';
import type { Config } from '../../../cli/config/types.ts';
import { ConfigDir, publicKeyText } from '../config/config-dir.ts';
import { agentConfig, peerConfig } from './samples.ts';

const PEERS = [
  peerConfig(2, { allowedIps: ['10.77.0.2/32', 'fd77::2/128'] }),
  peerConfig(3, { allowedIps: ['10.88.0.0/16'], controlPort: 7_082 }),
];
const REACHABLE = [
  { address: '192.0.2.2', controlPort: 6_082 },
  { address: '192.0.2.2', controlPort: 7_082 },
];

function plan(config: Config, mtuBytes: number, dataPorts: number[], reachable: typeof REACHABLE) {
  const [network] = config.networks;
  if (network === undefined) throw new Error('the sample has no network');
  return interfacePlan(config.interface, network, mtuBytes, dataPorts, reachable);
}

test('interfacePlan() routes to every allowed_ips and lets the own traffic pass', () => {
  expect(plan(agentConfig(PEERS), 1_392, [6_081, 40_000], REACHABLE)).toEqual({
    mac: null,
    addresses: ['10.77.0.1/24', 'fd77::1/64'],
    mtuBytes: 1_392,
    routes: ['10.77.0.2/32', 'fd77::2/128', '10.88.0.0/16'],
    endpoints: ['192.0.2.2'],
    traffic: {
      dataPorts: [6_081, 40_000],
      controlPort: 6_082,
      ephemeralControl: false,
      controlTargets: [
        { address: '192.0.2.2', port: 6_082 },
        { address: '192.0.2.2', port: 7_082 },
      ],
    },
  });
});

test('interfacePlan() has no routes where the config wants none, but the rest', () => {
  const planned = plan(agentConfig(PEERS, { routes: false }), 1_392, [6_081], REACHABLE);
  expect(planned).toMatchObject({ routes: [], endpoints: ['192.0.2.2'], mtuBytes: 1_392 });
});

test('interfacePlan() knows that WebTransport dials from any port', () => {
  const config = agentConfig(PEERS, { controlTransport: 'webtransport' });
  expect(plan(config, 1_392, [6_081], []).traffic.ephemeralControl).toBe(true);
});

test('interfacePlan() gives an Ethernet interface an address, the same every time', () => {
  const config = agentConfig(PEERS);
  const networks = config.networks.map((network) => ({ ...network, mode: 'l2' as const }));
  const { mac } = plan({ ...config, networks }, 1_392, [6_081], REACHABLE);
  expect(mac).toBe(interfaceMac(config.interface.publicKey, 7));
});

test('interfaceMac() is of one station, locally administered, and another for each host and network', () => {
  const keys = [1, 2, 3].map((n) => new Uint8Array(32).fill(n));
  const macs = keys.flatMap((key) => [7, 8].map((vni) => interfaceMac(key, vni)));
  expect(new Set(macs).size).toBe(6);
  for (const mac of macs) expect(mac).toMatch(/^[0-9a-f][26ae](:[0-9a-f]{2}){5}$/);
});

let dir: ConfigDir;
beforeAll(() => {
  dir = new ConfigDir();
});
afterAll(() => dir.remove());

describe('carriesIpv6()', () => {
  test.each([
    ['neither address nor route', '"10.77.0.1/24"', '"10.77.0.2/32"', true, false],
    ['an address', '"fd77::1/64"', '"10.77.0.2/32"', true, true],
    ['a route', '"10.77.0.1/24"', '"10.77.0.2/32", "fd77::2/128"', true, true],
    ['a route that is not installed', '"10.77.0.1/24"', '"fd77::2/128"', false, false],
  ])('%s of IPv6', (_, address, allowedIps, routes, expected) => {
    const own = `[interface]\nprivate_key_file = "own.key"\naddress = [${address}]\nroutes = ${routes}\n`;
    const peer = `[[peer]]\npublic_key = "${publicKeyText(2)}"\nallowed_ips = [${allowedIps}]\n`;
    const { networks } = loadConfig(dir.write('icx0.toml', own + peer, 0o600));
    expect(networks.map(carriesIpv6)).toEqual([expected]);
  });

  test('a route of IPv6 that a peer may announce at any time', () => {
    const accepting = agentConfig([peerConfig(2, { acceptRoutes: ['fd88::/48'] })], { addresses: [] });
    expect(accepting.networks.map(carriesIpv6)).toEqual([true]);
  });
});

describe('guests of the network', () => {
  function planned(own: Partial<Config['interface']> = {}) {
    const config = agentConfig([], own);
    const guest = {
      type: 'unix',
      name: 'vm',
      path: '/run/vm.sock',
      remote: null,
      mode: 0o600,
      mtu: null,
      maxStations: null,
      addresses: ['10.78.0.9/32', 'fd78::9/128'],
    } as const;
    const networks = config.networks.map((network) => ({ ...network, ...own, ports: [guest] }));
    return { ...config, networks };
  }

  test('are routed into the interface, unless the config wants no routes', () => {
    expect(plan(planned(), 1_392, [6_081], []).routes).toEqual(['10.78.0.9/32', 'fd78::9/128']);
    expect(plan(planned({ routes: false }), 1_392, [6_081], []).routes).toEqual([]);
  });

  test('may need IPv6, whatever the interface has', () => {
    const [network] = planned({ routes: false, addresses: ['10.77.0.1/24'] }).networks;
    if (network === undefined) throw new Error('the sample has no network');
    expect(carriesIpv6(network)).toBe(true);
    expect(carriesIpv6({ ...network, ports: [] })).toBe(false);
  });
});
