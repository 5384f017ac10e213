/** What the two planes are told of a peer. */
import { describe, expect, test } from 'vitest';
import { commonRoutes, controlPeer, peerSpec, routesOf } from '../../../cli/agent/peer-specs.ts';
import { peerConfig } from './samples.ts';

const MTU = { mtuBytes: 1_392, fragment: false, reason: '', byPeer: new Map([[1, 1_424]]) };

describe('routesOf()', () => {
  test('pairs what is behind the peer with what it may reach here, of the same family', () => {
    const peer = peerConfig(2, {
      allowedIps: ['10.77.0.2/32', '10.88.0.0/16', 'fd77::2/128'],
      localIps: ['10.77.0.1/32', '10.99.0.0/16', '::/0'],
    });
    expect(routesOf(peer)).toEqual([
      { dst: '10.77.0.2/32', src: '10.77.0.1/32' },
      { dst: '10.77.0.2/32', src: '10.99.0.0/16' },
      { dst: '10.88.0.0/16', src: '10.77.0.1/32' },
      { dst: '10.88.0.0/16', src: '10.99.0.0/16' },
      { dst: 'fd77::2/128', src: '::/0' },
    ]);
  });

  test('is empty where no family has both', () => {
    expect(routesOf(peerConfig(2, { allowedIps: ['fd77::2/128'], localIps: ['0.0.0.0/0'] }))).toEqual([]);
  });
});

test('commonRoutes() keeps what is in both, as pairs', () => {
  const a = { dst: '10.77.0.2/32', src: '0.0.0.0/0' };
  const b = { dst: '10.77.0.3/32', src: '0.0.0.0/0' };
  const c = { dst: '10.77.0.2/32', src: '10.0.0.0/8' };
  expect(commonRoutes([a, b], [c, b])).toEqual([b]);
  expect(commonRoutes([a], [])).toEqual([]);
});

test('peerSpec() makes room for what is sealed in front of each packet, where no path says more', () => {
  const entry = { slot: 2, vni: 7, config: peerConfig(2) };
  expect(peerSpec(entry, null, MTU, 18).mtuBytes).toBe(1_392 + 18);
});

test('peerSpec() stays within what the data plane takes', () => {
  const entry = { slot: 2, vni: 7, config: peerConfig(2) };
  expect(peerSpec(entry, null, { ...MTU, mtuBytes: 65_535 }, 18).mtuBytes).toBe(65_535);
});

describe('peerSpec()', () => {
  const config = peerConfig(2, {
    keepaliveMs: 25_000,
    rxRateLimitPps: 500,
    validateSource: true,
    controlPort: 7_082,
    presharedKey: new Uint8Array(32).fill(9),
  });

  test('has what the data plane needs, and no key', () => {
    const endpoint = { address: '192.0.2.2', port: 6_081 };
    expect(peerSpec({ slot: 1, vni: 7, config }, endpoint, MTU, 0)).toEqual({
      slot: 1,
      vni: 7,
      routes: [{ dst: '10.77.0.2/32', src: '0.0.0.0/0' }],
      endpoint,
      rxRateLimitPps: 500,
      validateSource: true,
      keepaliveMs: 25_000,
      mtuBytes: 1_424,
      controlPort: 7_082,
      exit: false,
    });
    const exit = peerSpec({ slot: 1, vni: 7, config: { ...config, exit: 'udp' } }, endpoint, MTU, 0);
    expect(exit.exit).toBe(true);
  });

  test.each([
    ['its own path, where that is known', 1, false, 1_424],
    ["the interface's, where it is not", 2, false, 1_392],
    ["the interface's, where the underlay may fragment", 1, true, 1_392],
  ])('limits packets to %s', (_, slot, fragment, mtuBytes) => {
    expect(peerSpec({ slot, vni: 7, config }, null, { ...MTU, fragment }, 0).mtuBytes).toBe(mtuBytes);
  });
});

test('controlPeer() has what the control plane needs', () => {
  const psk = new Uint8Array(32).fill(9);
  const endpoint = { host: 'b.example', port: 6_081 };
  const config = peerConfig(2, { presharedKey: psk, endpoint, hybrid: false, controlPort: 7_082 });
  expect(controlPeer({ slot: 3, vni: 7, config })).toEqual({
    slot: 3,
    name: 'peer-2',
    vni: 7,
    publicKey: config.publicKey,
    psk,
    endpoint,
    controlPort: 7_082,
    hybrid: false,
  });
});
