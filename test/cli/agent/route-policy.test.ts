/** Which announced prefixes are taken from whom. */
import { describe, expect, test } from 'vitest';
import { RoutePolicy } from '../../../cli/agent/route-policy.ts';
import type { NetworkConfig, PeerConfig } from '../../../cli/config/types.ts';
import { encodeKey } from '../../../controlplane/key-text.ts';
import { parsePrefix } from '../../../dataplane/route/prefix.ts';
import { agentConfig, peerConfig, relayConfig } from './samples.ts';

const ACCEPTING = peerConfig(2, { acceptRoutes: ['10.88.0.0/16', 'fd88::/48'] });

function judge(
  prefix: string,
  others: readonly PeerConfig[] = [],
  changes: { network?: Partial<NetworkConfig>; own?: readonly string[]; from?: PeerConfig } = {},
) {
  const from = changes.from ?? ACCEPTING;
  const [network] = agentConfig([from, ...others]).networks;
  if (network === undefined) throw new TypeError('the sample has no network');
  const policy = new RoutePolicy({ ...network, ...changes.network }, changes.own ?? []);
  return policy.judge(encodeKey(from.publicKey), parsePrefix(prefix));
}

describe('RoutePolicy.judge()', () => {
  test.each([
    ['10.88.0.0/16', null],
    ['10.88.1.2/32', null],
    ['fd88:0:0:7::/64', null],
    ['10.89.0.0/24', 'not_accepted'],
    ['10.88.0.0/15', 'not_accepted'],
    ['0.0.0.0/0', 'not_accepted'],
    ['fd89::/48', 'not_accepted'],
  ])('takes what is inside accept_routes: %s is %s', (prefix, verdict) => {
    expect(judge(prefix)).toBe(verdict);
  });

  test('takes nothing of a peer that may announce nothing, and of no stranger', () => {
    expect(judge('10.88.1.0/24', [ACCEPTING], { from: peerConfig(3) })).toBe('not_accepted');
    expect(new RoutePolicy({ ...networkOf(), peers: [] }, []).judge('', parsePrefix('::/0'))).toBe(
      'not_accepted',
    );
  });

  test('refuses addresses of this host, of its guests, and what it announces, but not what contains them', () => {
    const port = { type: 'unix', name: 'vm', path: '/run/vm', remote: null, mode: 0o600, mtu: null } as const;
    const network = {
      addresses: ['10.88.0.1/24', 'fd88::1/64'],
      relay: relayConfig({ addresses: ['10.88.7.7'] }),
      ports: [{ ...port, maxStations: null, addresses: ['10.88.5.0/24'] }],
    };
    const own = ['10.88.9.0/24'];
    const of = (prefix: string) => judge(prefix, [], { network, own });
    expect(
      ['10.88.0.1/32', 'fd88::1/128', '10.88.5.9/32', '10.88.5.0/24', '10.88.9.0/25', '10.88.7.7/32'].map(of),
    ).toEqual(Array(6).fill('own'));
    expect(['10.88.0.2/32', '10.88.0.0/24', '10.88.4.0/23', '10.88.8.0/23'].map(of)).toEqual(
      Array(4).fill(null),
    );
  });

  test("refuses what another peer's allowed_ips have, where they say no less than accept_routes", () => {
    const other = (...allowedIps: string[]) => [peerConfig(3, { allowedIps })];
    expect(judge('10.88.1.0/24', other('10.88.1.0/24'))).toBe('configured');
    expect(judge('10.88.1.7/32', other('10.88.1.0/24'))).toBe('configured');
    expect(judge('10.88.1.0/24', other('10.88.0.0/16'))).toBe('configured');
    expect(judge('10.88.1.0/24', other('0.0.0.0/0', '10.0.0.0/8'))).toBeNull();
    // The longer prefix of the config keeps its packets.
    expect(judge('10.88.1.0/24', other('10.88.1.7/32'))).toBeNull();
  });

  test('goes by the longest of accept_routes', () => {
    const from = peerConfig(2, { acceptRoutes: ['10.0.0.0/8', '10.88.1.0/24'] });
    const gateway = peerConfig(3, { allowedIps: ['10.88.0.0/16'] });
    expect(judge('10.88.1.0/25', [gateway], { from })).toBeNull();
    expect(judge('10.88.2.0/25', [gateway], { from })).toBe('configured');
  });

  test('knows what the config gives to the peer already', () => {
    const from = peerConfig(2, {
      acceptRoutes: ['10.88.0.0/16'],
      allowedIps: ['10.88.1.0/24', '10.88.0.0/16'],
    });
    expect(judge('10.88.1.0/24', [], { from })).toBe('known');
    expect(judge('10.88.1.0/25', [], { from })).toBeNull();
    const shared = peerConfig(3, { allowedIps: ['10.88.1.0/24'], localIps: ['10.77.0.9/32'] });
    expect(judge('10.88.1.0/24', [shared], { from })).toBe('known');
  });
});

function networkOf(): NetworkConfig {
  const [network] = agentConfig().networks;
  if (network === undefined) throw new TypeError('the sample has no network');
  return network;
}
