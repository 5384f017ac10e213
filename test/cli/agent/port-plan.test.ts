/** Ports of a config and of a request, as the data plane opens them, and as people read them. */
import { describe, expect, test } from 'vitest';
import { portDetail, portOptions, requestedPort } from '../../../cli/agent/port-plan.ts';
import type { VxlanPortConfig } from '../../../cli/config/types.ts';
import { unixPort } from './switched.ts';

const FABRIC: VxlanPortConfig = {
  type: 'vxlan',
  name: 'fabric',
  vni: 42,
  listen: '0.0.0.0',
  listenPort: 4_789,
  remotes: ['192.0.2.1'],
  group: null,
  device: null,
  learnRemotes: false,
  ttl: 64,
};

const MTU = 1_406;

describe('portOptions()', () => {
  test('takes frames of any length where no mtu is set', () => {
    expect(portOptions(unixPort('vm', '/run/vm'), MTU)).toEqual({
      type: 'unix',
      name: 'vm',
      path: '/run/vm',
      remote: null,
      mode: 0o600,
      mtuBytes: 65_535,
      maxStations: null,
      addresses: [],
    });
    expect(portOptions(unixPort('vm', '/run/vm', { mtu: 1_500, maxStations: 3 }), MTU)).toMatchObject({
      mtuBytes: 1_500,
      maxStations: 3,
    });
  });

  test('passes the others on', () => {
    const eth = { type: 'interface', name: 'up', device: 'eth1', maxStations: 9 } as const;
    expect(portOptions(eth, MTU)).toEqual(eth);
    expect(portOptions(FABRIC, MTU)).toEqual({ ...FABRIC, maxStations: null, mtuBytes: MTU });
  });
});

describe('requestedPort()', () => {
  test('fills in what a request leaves out', () => {
    expect(requestedPort({ type: 'unix', name: 'vm', path: '/run/vm' }, 7, MTU)).toEqual({
      type: 'unix',
      name: 'vm',
      path: '/run/vm',
      remote: null,
      mode: 0o600,
      mtuBytes: 65_535,
      maxStations: null,
      addresses: [],
    });
    expect(requestedPort({ type: 'interface', name: 'up', device: 'eth1' }, 7, MTU)).toEqual({
      type: 'interface',
      name: 'up',
      device: 'eth1',
      maxStations: null,
    });
    expect(requestedPort({ type: 'vxlan', name: 'fabric', remotes: ['192.0.2.1'] }, 7, MTU)).toEqual({
      ...FABRIC,
      vni: 7,
      maxStations: null,
      mtuBytes: MTU,
    });
  });

  test('keeps what a request says, a mode in octal', () => {
    expect(
      requestedPort(
        { type: 'unix', name: 'vm', path: '/a', remote: '/b', mode: '0660', mtu: 9_000, max_stations: 4 },
        7,
        MTU,
      ),
    ).toMatchObject({ remote: '/b', mode: 0o660, mtuBytes: 9_000, maxStations: 4 });
    const all = {
      vni: 9,
      listen: '192.0.2.9',
      listen_port: 8_472,
      group: '239.1.1.1',
      device: 'eth1',
      learn_remotes: true,
      ttl: 4,
    };
    expect(requestedPort({ type: 'vxlan', name: 'f', ...all }, 7, MTU)).toMatchObject({
      vni: 9,
      listen: '192.0.2.9',
      listenPort: 8_472,
      remotes: [],
      group: '239.1.1.1',
      device: 'eth1',
      learnRemotes: true,
      ttl: 4,
    });
  });

  test.each([
    [{ remotes: ['fd00::1'] }, '::'],
    [{ group: 'ff05::7' }, '::'],
    [{ group: '239.1.1.1' }, '0.0.0.0'],
    [{}, '0.0.0.0'],
  ])('listens for %o on %s', (other, listen) => {
    expect(requestedPort({ type: 'vxlan', name: 'f', ...other }, 7, MTU)).toMatchObject({ listen });
  });
});

describe('portDetail()', () => {
  test.each([
    [portOptions(unixPort('vm', '/run/vm'), MTU), '/run/vm'],
    [portOptions(unixPort('vm', '/run/vm', { remote: '/run/guest' }), MTU), '/run/vm to /run/guest'],
    [{ type: 'interface', name: 'up', device: 'eth1', maxStations: null } as const, 'eth1'],
    [portOptions(FABRIC, MTU), 'vni 42 to 192.0.2.1'],
    [
      portOptions({ ...FABRIC, group: '239.1.1.1', learnRemotes: true }, MTU),
      'vni 42 to 192.0.2.1, 239.1.1.1, learned',
    ],
  ])('of %o is %s', (options, detail) => {
    expect(portDetail(options)).toBe(detail);
  });
});
