import { describe, expect, test } from 'vitest';
import { ATTACH, type Attach } from '../../cni/attach-api.ts';

const REQUEST: Attach = {
  confName: 'pods',
  containerId: 'c0ffee',
  ifname: 'eth0',
  netns: '/run/netns/c0ffee',
  network: 'pods',
  mac: '02:42:ac:11:00:02',
  ips: [{ address: '10.1.0.5/24', gateway: '10.1.0.1' }, { address: 'fd01::5/64' }],
  routes: [{ dst: '0.0.0.0/0' }, { dst: 'fd00::/8', gw: 'fd01::1', mtu: 1300 }],
  portMappings: [{ hostPort: 80, containerPort: 8080, protocol: 'sctp', hostIP: '::' }],
  mtu: 1280,
  masquerade: true,
};

describe('ATTACH', () => {
  test('takes a complete request', () => expect(ATTACH.parse(REQUEST)).toEqual(REQUEST));

  test.each<[string, object]>([
    ['a configuration that is a path', { confName: 'a/b' }],
    ['a container that is a path', { containerId: '../x' }],
    ['a container of 256 characters', { containerId: 'a'.repeat(256) }],
    ['an interface of 16 characters', { ifname: 'a'.repeat(16) }],
    ['an interface named ..', { ifname: '..' }],
    ['an interface with a colon', { ifname: 'a:1' }],
    ['a relative namespace', { netns: 'x' }],
    ['a MAC address in upper case', { mac: '02:42:AC:11:00:02' }],
    ['an address without length', { ips: [{ address: '10.1.0.5' }] }],
    ['a gateway with length', { ips: [{ address: '10.1.0.5/24', gateway: '10.1.0.1/24' }] }],
    ['a route to an address', { routes: [{ dst: '10.0.0.1' }] }],
    ['port 0', { portMappings: [{ hostPort: 0, containerPort: 1, protocol: 'tcp' }] }],
    ['port 65536', { portMappings: [{ hostPort: 1, containerPort: 65_536, protocol: 'tcp' }] }],
    ['an unknown protocol', { portMappings: [{ hostPort: 1, containerPort: 1, protocol: 'icmp' }] }],
    [
      'a host that is a name',
      { portMappings: [{ hostPort: 1, containerPort: 1, protocol: 'tcp', hostIP: 'a' }] },
    ],
    ['an MTU of 575', { mtu: 575 }],
    ['masquerading that is left open', { masquerade: undefined }],
  ])('refuses %s', (_, changes) => expect(ATTACH.safeParse({ ...REQUEST, ...changes }).success).toBe(false));
});
