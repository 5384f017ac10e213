/** What a relay is made with: from the config, the other networks and the host. */
import { describe, expect, test } from 'vitest';
import { interfaceMac } from '../../../cli/agent/interface-plan.ts';
import { overlayOf, portsOf, relaySettings } from '../../../cli/agent/relay-plan.ts';
import type { NetworkConfig } from '../../../cli/config/types.ts';
import type { PortOptions } from '../../../dataplane/worker/port-options.ts';
import { agentConfig, peerConfig, relayConfig } from './samples.ts';
import { switchedNetwork } from './switched.ts';

const UNIX = { type: 'unix', name: 'vm', path: '/run/vm', remote: null, mode: 0o600 } as const;
const VXLAN = { type: 'vxlan', name: 'dc', listen: '192.0.2.1', listenPort: 4_789 } as const;
const PORTS = [
  { ...UNIX, mtuBytes: 1_500, maxStations: null, addresses: ['10.77.0.9/32'] },
  VXLAN,
] as unknown as PortOptions[];
const AROUND = {
  overlay: ['10.77.0.0/24'],
  host: { addresses: ['192.0.2.1'], prefixes: ['198.51.100.0/25'] },
  ownPorts: [{ address: '0.0.0.0', port: 6_081 }],
  publicKey: new Uint8Array(32).fill(1),
  relays: 2,
};

function networkOf(overrides: Partial<NetworkConfig> = {}): NetworkConfig {
  const [network] = agentConfig().networks;
  if (network === undefined) throw new Error('no network');
  return { ...network, ...overrides };
}

describe('relaySettings()', () => {
  test('has all of the config, and what guests are kept from', () => {
    const relay = relayConfig({
      addresses: ['fd77::254', '10.77.0.254'],
      resolver: '192.0.2.53',
      deny: ['10.0.0.0/8'],
      allow: ['127.0.0.0/8'],
      maxSessions: 9,
      maxSessionsPerGuest: 8,
      idleTimeoutMs: 7,
    });
    expect(relaySettings(networkOf(), relay, 1_392, AROUND)).toEqual({
      mac: null,
      addresses: { v4: '10.77.0.254', v6: 'fd77::254' },
      resolver: { address: '192.0.2.53', port: 53 },
      rules: {
        deny: ['10.0.0.0/8'],
        allow: ['127.0.0.0/8'],
        overlay: ['10.77.0.0/24', '198.51.100.0/25'],
        hostAddresses: ['192.0.2.1'],
        ownPorts: [{ address: '0.0.0.0', port: 6_081 }],
      },
      host: ['10.77.0.0/24', 'fd77::/64'],
      limits: { maxSessions: 9, maxPerGuest: 8, idleMs: 7 },
      shares: 2,
      mtuBytes: 1_392,
    });
  });

  test('has a MAC address in a network of frames: another on every host, and not that of the interface', () => {
    const segment = switchedNetwork(7, [], { device: true, addresses: ['10.77.0.1/24'] });
    const macs = [1, 2].flatMap((byte) => {
      const publicKey = new Uint8Array(32).fill(byte);
      const { mac } = relaySettings(segment, relayConfig(), 1_392, { ...AROUND, publicKey });
      return [mac, interfaceMac(publicKey, 7)];
    });
    expect(new Set(macs).size).toBe(4);
    for (const mac of macs) expect(mac).toMatch(/^[0-9a-f][26ae](:[0-9a-f]{2}){5}$/);
  });

  test.each([
    ['without an interface', networkOf({ device: false })],
    ['of frames', switchedNetwork(7, [], { device: true, addresses: ['10.77.0.1/24'] })],
  ])('leaves the host nothing in a network %s', (_, network) => {
    const { host, addresses, resolver } = relaySettings(network, relayConfig(), 1_392, AROUND);
    expect([host, addresses, resolver]).toEqual([[], { v4: null, v6: null }, null]);
  });
});

test('overlayOf() has the networks of the interface, of peers and guests, but no default route', () => {
  const allowedIps = ['10.88.0.0/16', '0.0.0.0/0', '128.0.0.0/1', '2000::/3', 'fd00::/8', '10.77.0.0/24'];
  const network = networkOf({
    peers: [peerConfig(2, { allowedIps })],
    addresses: ['10.77.0.1/24', 'fd77::1'],
  });
  expect(overlayOf(network, PORTS)).toEqual([
    '10.77.0.0/24',
    'fd77::1/128',
    '10.88.0.0/16',
    'fd00::/8',
    '10.77.0.9/32',
  ]);
});

test('portsOf() has the UDP sockets of ports', () => {
  expect(portsOf(PORTS)).toEqual([{ address: '192.0.2.1', port: 4_789 }]);
});
