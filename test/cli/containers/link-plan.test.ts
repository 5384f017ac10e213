/** What `ip` is told for an attachment. */
import { describe, expect, test } from 'vitest';
import {
  containerCommands,
  hostCommands,
  type LinkPlan,
  plannedRoutes,
} from '../../../cli/containers/link-plan.ts';
import type { Attach } from '../../../cni/attach-api.ts';
import { record, request } from './samples.ts';

function plan(mode: 'l2' | 'l3', changes: Partial<Attach> = {}): LinkPlan {
  const asked = request(changes);
  return { ...record({ request: asked, routes: plannedRoutes(mode, asked) }), mode };
}

const ADD =
  'link add name icx0123456789a mtu 1392 address 02:00:00:00:00:01 type veth ' +
  'peer name eth0 mtu 1392 address 02:42:0a:01:00:05 netns /proc/1/fd/3';
const QUIET = 'link set dev icx0123456789a addrgenmode none';

describe('in an L2 network', () => {
  test('the host has no part in it', () => {
    expect(hostCommands(plan('l2'), '/proc/1/fd/3', true)).toEqual([
      ADD,
      QUIET,
      'link set dev icx0123456789a arp off up',
    ]);
    expect(hostCommands(plan('l2'), '/proc/1/fd/3', false)).not.toContain(QUIET);
  });

  test('the container has its addresses on the segment', () => {
    expect(containerCommands(plan('l2'))).toEqual([
      'link set dev lo up',
      'link set dev eth0 up',
      'address add 10.1.0.5/24 dev eth0',
      'address add fd01::5/64 dev eth0 nodad',
      'route replace 0.0.0.0/0 via 10.1.0.1 dev eth0',
      'route replace ::/0 via fd01::1 dev eth0',
    ]);
  });

  test('a route goes by its own next hop, else by the gateway, else by the link', () => {
    const routes = [{ dst: '10.9.0.0/16', gw: '10.1.0.9', mtu: 1_300 }, { dst: '10.8.0.7/16' }];
    const ips = [{ address: '10.1.0.5/24' }];
    expect(containerCommands(plan('l2', { ips, routes })).slice(-2)).toEqual([
      'route replace 10.9.0.0/16 via 10.1.0.9 dev eth0 mtu 1300',
      'route replace 10.8.0.0/16 dev eth0',
    ]);
  });
});

describe('in an L3 network', () => {
  test('the host has the gateways, and a route to every address', () => {
    expect(hostCommands(plan('l3'), '/proc/1/fd/3', true)).toEqual([
      ADD,
      QUIET,
      'link set dev icx0123456789a up',
      'address add 10.1.0.1/32 dev icx0123456789a',
      'address add fd01::1/128 dev icx0123456789a nodad',
      'address add fe80::1/64 dev icx0123456789a nodad',
      'route add 10.1.0.5/32 dev icx0123456789a',
      'route add fd01::5/128 dev icx0123456789a',
    ]);
  });

  test('the container reaches everything by them, its own network as well', () => {
    expect(containerCommands(plan('l3'))).toEqual([
      'link set dev lo up',
      'link set dev eth0 up',
      'address add 10.1.0.5/24 dev eth0 noprefixroute',
      'address add fd01::5/64 dev eth0 nodad noprefixroute',
      'route add 10.1.0.1/32 dev eth0 scope link',
      'route add 10.1.0.0/24 via 10.1.0.1 dev eth0',
      'route add fd01::1/128 dev eth0 scope link',
      'route add fd01::/64 via fd01::1 dev eth0',
      'route replace 0.0.0.0/0 via 10.1.0.1 dev eth0',
      'route replace ::/0 via fd01::1 dev eth0',
    ]);
  });

  test('without gateways they are link-local', () => {
    const own = plan('l3', { ips: [{ address: '10.1.0.5/32' }, { address: 'fd01::5/64' }] });
    expect(own.routes).toEqual([
      { dst: '0.0.0.0/0', gw: '169.254.1.1' },
      { dst: '::/0', gw: 'fe80::1' },
    ]);
    expect(hostCommands(own, '/x', true).filter((command) => command.startsWith('address'))).toEqual([
      'address add 169.254.1.1/32 dev icx0123456789a',
      'address add fe80::1/64 dev icx0123456789a nodad',
    ]);
    expect(containerCommands(own).filter((command) => command.startsWith('route add'))).toEqual([
      'route add 169.254.1.1/32 dev eth0 scope link',
      'route add fd01::/64 via fe80::1 dev eth0',
    ]);
  });

  test('two addresses of a network have one way to it', () => {
    const ips = [
      { address: '10.1.0.5/24', gateway: '10.1.0.1' },
      { address: '10.1.0.6/24', gateway: '10.1.0.1' },
    ];
    const commands = containerCommands(plan('l3', { ips, routes: [] }));
    expect(new Set(commands).size).toBe(commands.length);
    expect(commands.filter((command) => command.startsWith('route'))).toHaveLength(2);
  });

  test('another next hop than the gateway is refused, and the gateway itself is not', () => {
    const route = (gw: string) => plannedRoutes('l3', request({ routes: [{ dst: '10.9.0.0/16', gw }] }));
    expect(route('10.1.0.1')).toEqual([{ dst: '10.9.0.0/16', gw: '10.1.0.1' }]);
    expect(() => route('10.1.0.9')).toThrow('the route to 10.9.0.0/16 goes by 10.1.0.9');
  });
});

test.each(['l2', 'l3'] as const)('in %s a route of a family without address is refused', (mode) => {
  const asked = request({ ips: [{ address: '10.1.0.5/24' }], routes: [{ dst: '::/0' }] });
  expect(() => plannedRoutes(mode, asked)).toThrow('no address for the route to ::/0');
});
