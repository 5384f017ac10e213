/** What the interface shall have on the host. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { carriesIpv6, interfacePlan } from '../../../cli/agent/interface-plan.ts';
import { loadConfig } from '../../../cli/config/load.ts';
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

test('interfacePlan() routes to every allowed_ips and lets the own traffic pass', () => {
  expect(interfacePlan(agentConfig(PEERS), 1_392, [6_081, 40_000], REACHABLE)).toEqual({
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
  const plan = interfacePlan(agentConfig(PEERS, { routes: false }), 1_392, [6_081], REACHABLE);
  expect(plan).toMatchObject({ routes: [], endpoints: ['192.0.2.2'], mtuBytes: 1_392 });
});

test('interfacePlan() knows that WebTransport dials from any port', () => {
  const config = agentConfig(PEERS, { controlTransport: 'webtransport' });
  expect(interfacePlan(config, 1_392, [6_081], []).traffic.ephemeralControl).toBe(true);
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
    expect(carriesIpv6(loadConfig(dir.write('icx0.toml', own + peer, 0o600)))).toBe(expected);
  });
});
