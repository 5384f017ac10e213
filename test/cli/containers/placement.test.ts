/** What a container may have. */
import { createServer } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import {
  checkAddresses,
  checkPorts,
  checkStations,
  checkSupported,
  chooseNetwork,
} from '../../../cli/containers/placement.ts';
import { AttachCode } from '../../../cni/attach-protocol.ts';
import { L3, record, request, segment } from './samples.ts';

const LAN = segment();
const WEB = { hostPort: 8_080, containerPort: 80, protocol: 'tcp' } as const;

describe('chooseNetwork()', () => {
  test('finds it by name before VNI, and needs no name where there is one', () => {
    const odd = { ...L3, name: '2', vni: 7 };
    expect(chooseNetwork([L3])).toBe(L3);
    expect(chooseNetwork([L3, LAN, odd], 'lan0')).toBe(LAN);
    expect(chooseNetwork([L3, LAN], '2')).toBe(LAN);
    expect(chooseNetwork([L3, LAN, odd], '2')).toBe(odd);
  });

  test('refuses none, and a choice', () => {
    for (const choose of [() => chooseNetwork([L3], 'lan0'), () => chooseNetwork([L3, LAN])]) {
      expect(choose).toThrow(expect.objectContaining({ code: AttachCode.noNetwork }));
    }
  });
});

describe('checkSupported()', () => {
  const { ips } = request();
  test.each([
    ['a plain request', request(), L3, null],
    ['no address in L2', request({ ips: [], routes: [] }), LAN, null],
    ['no address in L3', request({ ips: [], routes: [] }), L3, 'needs an address'],
    ['an L3 network without interface', request(), { ...L3, device: null }, 'has no interface'],
    ['an L2 network without interface', request(), { ...LAN, device: null }, null],
    ['masquerading there', request({ masquerade: true }), { ...LAN, device: null }, 'has no interface'],
    ['publishing there', request({ portMappings: [WEB] }), { ...LAN, device: null }, 'has no interface'],
    ['IPv6 with a small MTU', request({ mtu: 1_279 }), L3, 'no IPv6 with an MTU of 1279'],
    ['IPv6 with just enough', request({ mtu: 1_280 }), L3, null],
    ['IPv4 with a small MTU', request({ mtu: 1_279, ips: ips.slice(0, 1) }), L3, null],
    ...['a"b', "a'b", 'a\\b', 'a#b', 'eth%d'].map(
      (ifname) => [`the name ${ifname}`, request({ ifname }), L3, 'interface name'] as const,
    ),
  ] as const)('%s', (_, asked, network, refusal) => {
    if (refusal === null) expect(() => checkSupported(asked, network)).not.toThrow();
    else expect(() => checkSupported(asked, network)).toThrow(refusal);
  });
});

describe('checkAddresses()', () => {
  const other = record({ request: request({ containerId: 'c9' }), gateways: ['10.1.0.1/24'] });
  const asking =
    (address: string, network = L3) =>
    () =>
      checkAddresses({ ips: [{ address }] }, network, [other]);

  test('lets a free one pass', () => {
    expect(asking('10.1.0.6/24')).not.toThrow();
    // Of a range that is a peer's as a whole: somebody may move.
    expect(asking('10.2.0.6/24')).not.toThrow();
    expect(asking('10.1.0.5/24', LAN)).not.toThrow();
  });

  test.each([
    ['10.1.0.5/16', 'container c9/eth0'],
    ['fd01:0:0::5/64', 'container c9/eth0'],
    ['10.1.255.1/16', 'icx0 on this host'],
    ['10.1.0.1/24', 'icx0 on this host'],
    ['10.1.0.99/24', 'peer b'],
  ])('%s is taken by %s', (address, who) => {
    expect(asking(address)).toThrow(`is taken by ${who}`);
  });

  test('a MAC address is once on a segment, and as often as you like in L3', () => {
    const mac = other.containerInterface.mac;
    const onLan = { ...other, network: { name: 'lan0', vni: 2, mode: 'l2' as const } };
    expect(() => checkAddresses({ ips: [], mac }, LAN, [onLan])).toThrow(
      `${mac} is taken by container c9/eth0`,
    );
    expect(() => checkAddresses({ ips: [], mac }, L3, [other])).not.toThrow();
  });
});

describe('checkStations()', () => {
  const station = { ip: '10.1.0.5', mac: '02:00:00:00:00:09', port: 3, isStatic: false, ageMs: 1_000 };
  const { ips } = request();

  test('refuses what a station was heard with just now, or has by the config', async () => {
    for (const known of [station, { ...station, isStatic: true, ageMs: 1e9 }]) {
      await expect(checkStations({ ips }, segment([known]))).rejects.toThrow('station 02:00:00:00:00:09');
    }
  });

  test('lets pass what was heard long ago, is the container itself, or is of another address', async () => {
    await checkStations({ ips }, segment([{ ...station, ageMs: 31_000 }]));
    await checkStations({ ips, mac: station.mac }, segment([station]));
    await checkStations({ ips }, segment([{ ...station, ip: '10.1.0.6' }]));
    await checkStations({ ips }, L3);
  });
});

describe('checkPorts()', () => {
  const server = createServer();
  afterEach(() => server.close());

  test('refuses a port of another container', () => {
    const other = record({ request: request({ containerId: 'c9', portMappings: [WEB] }) });
    const asked = request({ portMappings: [{ ...WEB, hostIP: '192.0.2.1' }] });
    expect(() => checkPorts(asked, [other])).toThrow(
      '192.0.2.1 tcp port 8080 of the host is taken by container c9/eth0',
    );
    expect(() => checkPorts(request({ portMappings: [{ ...WEB, hostPort: 8_082 }] }), [other])).not.toThrow();
  });

  test('refuses a port that a process listens on', async () => {
    await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve));
    const { port } = server.address() as { port: number };
    const asked = request({ portMappings: [{ ...WEB, hostPort: port }] });
    expect(() => checkPorts(asked, [])).toThrow(`tcp port ${port} of the host is taken by`);
  });
});
