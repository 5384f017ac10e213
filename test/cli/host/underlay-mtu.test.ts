import { afterAll, describe, expect, test } from 'vitest';
import { innerMtu, overlayMtu, type UnderlayRoute, underlayRoutes } from '../../../cli/host/underlay-mtu.ts';
import { describeHosts } from '../../support/describe-hosts.ts';
import { Lab } from '../../support/netns.ts';

const v4 = (mtuBytes: number | null): UnderlayRoute => ({ address: '192.0.2.2', mtuBytes });
const v6 = (mtuBytes: number | null): UnderlayRoute => ({ address: 'fd00::2', mtuBytes });

describe('overlayMtu()', () => {
  test.each([
    ['IPv4 underlay', 'auto', [v4(1500)], true, 1424, false],
    ['IPv6 underlay', 'auto', [v6(1500)], true, 1404, false],
    ['the narrowest of several', 'auto', [v4(9000), v6(1500), v4(1460)], true, 1384, false],
    ['nothing known', 'auto', [v4(null)], true, 1392, false],
    ['no peers', 'auto', [], false, 1392, false],
    ['an unknown one beside a known one', 'auto', [v4(null), v4(1500)], true, 1424, false],
    ['too narrow for IPv6', 'auto', [v4(1300)], true, 1280, true],
    ['exactly wide enough for IPv6', 'auto', [v4(1356)], true, 1280, false],
    ['narrow, without IPv6', 'auto', [v4(1300)], false, 1224, false],
    ['too narrow for IPv4', 'auto', [v4(600)], false, 576, true],
    ['loopback', 'auto', [v4(65_536)], true, 65_459, false],
    ['configured, fits', 1400, [v4(1500)], true, 1400, false],
    ['configured, too large', 1500, [v4(1500)], true, 1500, true],
    ['configured, nothing known', 9000, [], true, 9000, false],
  ] as const)('%s', (_name, setting, underlay, hasIpv6, mtuBytes, fragment) => {
    expect(overlayMtu(setting, underlay, hasIpv6)).toMatchObject({ mtuBytes, fragment });
  });

  test('says where the number comes from', () => {
    expect(overlayMtu('auto', [v4(1300)], true).reason).toBe(
      'the least that IPv6 allows; route to 192.0.2.2 carries 1300 bytes, so sealed packets are fragmented',
    );
    expect(overlayMtu('auto', [v4(1500)], true).reason).toBe('route to 192.0.2.2 carries 1500 bytes');
  });
});

describe('innerMtu()', () => {
  test('takes off Geneve with options 32, tag 16, UDP 8 and the IP header', () => {
    expect(innerMtu('192.0.2.2', 1500)).toBe(1500 - 76);
    expect(innerMtu('fd00::2', 1500)).toBe(1500 - 96);
  });
});

describeHosts('underlayRoutes()', () => {
  const lab = new Lab();
  afterAll(() => lab.close());

  test('gives the MTU of the device, or of the route where that is smaller', async () => {
    const [a, b] = [lab.addHost('a'), lab.addHost('b')];
    lab.link(a, b, {
      mtu: 1460,
      addresses: [
        ['192.0.2.1/24', 'fd00::1/64'],
        ['192.0.2.2/24', 'fd00::2/64'],
      ],
    });
    a.ip('route add 198.51.100.0/24 via 192.0.2.2 mtu 1300');
    a.ip('route add 203.0.113.0/24 via 192.0.2.2 mtu 1400');
    a.ip('tuntap add icx0 mode tun');
    a.ip('link set icx0 up mtu 1000');
    a.ip('route add 203.0.113.9 dev icx0');
    const found = await a.enter(() =>
      underlayRoutes(
        [
          '192.0.2.2',
          'fd00::2',
          '198.51.100.1',
          '203.0.113.1',
          '203.0.113.9',
          '240.1.1.1',
          '2001:db8::1',
          'fe80::1%nowhere',
          'fd00::2',
        ],
        6081,
        ['icx0'],
      ),
    );
    expect(found.map((route) => route.mtuBytes)).toEqual([
      1460,
      1460,
      1300,
      1400,
      null,
      null,
      null,
      null,
      1460,
    ]);
  });

  test('follows the rules for our own port', async () => {
    const [a, b] = [lab.addHost('c'), lab.addHost('d')];
    lab.link(a, b, { mtu: 1460, addresses: [['192.0.2.1/24'], ['192.0.2.2/24']] });
    a.ip('tuntap add icx0 mode tun');
    a.ip('link set icx0 up mtu 1000');
    a.ip('route add default dev icx0 table 77');
    a.ip('route add default via 192.0.2.2');
    a.ip('rule add priority 10 lookup 77');
    a.ip('rule add priority 9 ipproto udp sport 6081 lookup main');
    const [ours, other] = await a.enter(() =>
      Promise.all([6081, 7000].map((port) => underlayRoutes(['198.51.100.1'], port, ['icx0']))),
    );
    expect(ours).toEqual([{ address: '198.51.100.1', mtuBytes: 1460 }]);
    expect(other).toEqual([{ address: '198.51.100.1', mtuBytes: null }]);
  });
});
