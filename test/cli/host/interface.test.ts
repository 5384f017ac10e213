import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { HostInterface, type InterfacePlan, removeStaleRules } from '../../../cli/host/interface.ts';
import { IpError } from '../../../cli/host/ip.ts';
import { describeHosts } from '../../support/describe-hosts.ts';
import { Lab, type Namespace } from '../../support/netns.ts';

const TRAFFIC = { dataPorts: [6081], controlPort: 6082, ephemeralControl: false, controlTargets: [] };
const PLAN: InterfacePlan = {
  mac: null,
  addresses: ['10.77.0.1/24', 'fd77::1/64'],
  mtuBytes: 1424,
  routes: [
    '10.77.0.2/32',
    'fd77::2/128',
    '10.77.0.0/24',
    'fd77::/64',
    '10.90.0.0/16',
    'fd90::/32',
    '10.90.0.0/16',
  ],
  announced: [],
  endpoints: ['192.0.2.2'],
  traffic: TRAFFIC,
};

function state(host: Namespace): string {
  return ['-d address', '-4 route show table all', '-6 route show table all', '-4 rule', '-6 rule']
    .map((command) => host.ip(command))
    .join('\n')
    .replace(/valid_lft.*|qdisc \S+| tentative/g, '');
}

describeHosts('HostInterface', () => {
  const lab = new Lab();
  let host: Namespace;
  let peer: Namespace;
  let count = 0;

  beforeAll(() => {
    peer = lab.addHost('p');
  });
  beforeEach(() => {
    host = lab.addHost(`h${++count}`);
    host.ip(`link add eth0 type veth peer name eth${count} netns ${peer.name}`);
    host.ip('link set eth0 up');
    peer.ip(`link set eth${count} up`);
    host.ip('address add 192.0.2.1/24 dev eth0');
    host.ip('address add fd00::1/64 dev eth0 nodad');
    host.ip('route add default via 192.0.2.254');
    host.ip('-6 route add default via fd00::254');
    host.ip('tuntap add icx0 mode tun');
  });
  afterAll(() => lab.close());

  test('apply() sets addresses, MTU and routes, and skips what the subnet already routes', async () => {
    const made = new HostInterface('icx0');
    await host.enter(() => made.apply(PLAN));
    const address = host.ip('address show dev icx0');
    expect(address).toContain('mtu 1424');
    expect(address).toMatch(/inet 10\.77\.0\.1\/24/);
    expect(address).toMatch(/inet6 fd77::1\/64 scope global nodad/);
    expect(address).not.toContain('fe80:');
    const routes4 = host.ip('-4 route show dev icx0').trim().split('\n');
    expect(routes4.map((line) => line.split(' ')[0]).sort()).toEqual([
      '10.77.0.0/24',
      '10.77.0.2',
      '10.90.0.0/16',
    ]);
    const routes6 = host.ip('-6 route show dev icx0').trim().split('\n');
    expect(routes6.map((line) => line.split(' ')[0]).sort()).toEqual(['fd77::/64', 'fd77::2', 'fd90::/32']);
    expect(host.ip('rule')).not.toContain('fwmark');
  });

  test('removeSync() leaves the host as it was, twice, also with routes of its own table', async () => {
    const before = state(host);
    const made = new HostInterface('icx0');
    await host.enter(async () => {
      await made.apply({ ...PLAN, routes: [...PLAN.routes, '0.0.0.0/0', '::/0', '192.0.2.0/24'] });
      expect(host.ip('rule')).toContain('fwmark');
      expect(made.removeSync()).toEqual([]);
      expect(made.removeSync()).toEqual([]);
    });
    host.ip('link set icx0 down');
    host.ip('link set icx0 mtu 1500 txqueuelen 500 addrgenmode eui64');
    expect(state(host)).toBe(before);
  });

  test('removeSync() is silent about an interface that is gone', async () => {
    const made = new HostInterface('icx0');
    await host.enter(async () => {
      await made.apply({ ...PLAN, routes: ['0.0.0.0/0', '10.90.0.0/16'] });
      host.ip('link del icx0');
      expect(made.removeSync()).toEqual([]);
    });
    expect(host.ip('rule')).not.toContain('fwmark');
  });

  test('apply() again changes nothing', async () => {
    const made = new HostInterface('icx0');
    await host.enter(async () => {
      await made.apply({ ...PLAN, routes: [...PLAN.routes, '0.0.0.0/0', '::/0'] });
      const once = state(host);
      await made.apply({ ...PLAN, routes: [...PLAN.routes, '0.0.0.0/0', '::/0'] });
      expect(state(host)).toBe(once);
    });
  });

  test('apply() of another plan adds and takes back the difference', async () => {
    const made = new HostInterface('icx0');
    await host.enter(async () => {
      await made.apply({ ...PLAN, routes: ['0.0.0.0/0', '10.90.0.0/16'] });
      await made.apply({ ...PLAN, mtuBytes: 1300, routes: ['10.91.0.0/16', '10.90.0.0/16'] });
    });
    const routes = host.ip('-4 route show table all dev icx0');
    expect(routes).toContain('10.90.0.0/16');
    expect(routes).toContain('10.91.0.0/16');
    expect(routes).not.toContain('default');
    expect(host.ip('rule')).not.toContain('fwmark');
    expect(host.ip('link show icx0')).toContain('mtu 1300');
  });

  test('apply() keeps its hands off what others made, and removeSync() too', async () => {
    host.ip('link set icx0 up');
    host.ip('address add 10.77.0.1/24 dev icx0');
    host.ip('route add 10.90.0.0/16 dev icx0');
    const made = new HostInterface('icx0');
    await host.enter(async () => {
      await made.apply(PLAN);
      expect(made.removeSync()).toEqual([]);
    });
    expect(host.ip('address show dev icx0')).toContain('10.77.0.1/24');
    expect(host.ip('address show dev icx0')).not.toContain('fd77::1');
    expect(host.ip('route show dev icx0')).toContain('10.90.0.0/16');
    expect(host.ip('route show dev icx0')).not.toContain('10.77.0.2');
  });

  test('apply() that fails half-way undoes what it did and says what failed', async () => {
    host.ip('route add 10.90.0.0/16 via 192.0.2.7');
    const before = state(host);
    const made = new HostInterface('icx0');
    await host.enter(async () => {
      const error = await made.apply(PLAN).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(IpError);
      expect(error).toHaveProperty(
        'message',
        expect.stringMatching(/route add 10\.90\.0\.0\/16 .*File exists/),
      );
    });
    host.ip('link set icx0 down');
    host.ip('link set icx0 mtu 1500 txqueuelen 500 addrgenmode eui64');
    expect(state(host)).toBe(before);
  });

  test('apply() makes announced routes as far as the host has none, and tells the others once', async () => {
    host.ip('route add 10.88.1.0/24 via 192.0.2.7');
    const made = new HostInterface('icx0');
    await host.enter(async () => {
      const announced = ['10.88.1.0/24', '10.88.2.0/24', 'fd88::/64', '10.90.0.0/16'];
      const refused = [expect.stringMatching(/^ip route add 10\.88\.1\.0\/24 dev icx0 .*File exists/)];
      expect(await made.apply({ ...PLAN, announced })).toEqual(refused);
      expect(await made.apply({ ...PLAN, announced })).toEqual([]);
      const routes = () => host.ip('-4 route show dev icx0') + host.ip('-6 route show dev icx0');
      for (const there of ['10.88.2.0/24', 'fd88::/64', '10.90.0.0/16']) expect(routes()).toContain(there);
      expect(host.ip('route show 10.88.1.0/24')).toContain('via 192.0.2.7');
      // Somebody makes room; somebody withdraws.
      host.ip('route del 10.88.1.0/24');
      expect(await made.apply({ ...PLAN, announced: ['10.88.1.0/24'] })).toEqual([]);
      expect(routes()).toContain('10.88.1.0/24');
      expect(routes()).not.toMatch(/10\.88\.2|fd88/);
      expect(made.removeSync()).toEqual([]);
      expect(routes()).not.toContain('88');
    });
  });

  test('apply() keeps our ports on the underlay when an announced route covers it', async () => {
    const made = new HostInterface('icx0');
    await host.enter(() => made.apply({ ...PLAN, announced: ['192.0.2.2/32'] }));
    const via = (target: string) => / dev (\S+)/.exec(host.ip(`route get ${target}`))?.[1];
    expect(via('192.0.2.2')).toBe('icx0');
    expect(via('192.0.2.2 ipproto udp sport 6081')).toBe('eth0');
  });

  test('apply() without the interface says so', async () => {
    const made = new HostInterface('icx9');
    const error = await host.enter(() => made.apply(PLAN)).catch((reason: unknown) => reason);
    expect(error).toHaveProperty(
      'message',
      expect.stringMatching(/icx9.*(does not exist|Cannot find device)/),
    );
  });

  test('a default route and one over the endpoint leave our ports on the underlay', async () => {
    const made = new HostInterface('icx0');
    const routes = ['0.0.0.0/0', '::/0', '192.0.2.2/32', '192.0.0.0/16'];
    await host.enter(() => made.apply({ ...PLAN, routes }));
    const via = (target: string) => / dev (\S+)/.exec(host.ip(`route get ${target}`))?.[1];
    expect(via('192.0.2.2')).toBe('icx0'); // longer than the underlay's subnet
    expect(via('192.0.2.3')).toBe('eth0'); // the underlay's subnet is longer than 192.0.0.0/16
    expect(via('192.0.3.3')).toBe('icx0');
    expect(via('198.51.100.1')).toBe('icx0');
    expect(via('2001:db8::1')).toBe('icx0');
    expect(via('fd00::2')).toBe('eth0');
    for (const port of [6081, 6082]) {
      expect(via(`192.0.2.2 ipproto udp sport ${port}`)).toBe('eth0');
      expect(via(`198.51.100.1 ipproto udp sport ${port}`)).toBe('eth0');
      expect(via(`2001:db8::1 ipproto udp sport ${port}`)).toBe('eth0');
    }
    expect(via('198.51.100.1 ipproto tcp sport 6082')).toBe('icx0');
  });

  test('control connections from ports of the kernel stay on the underlay, to peers only', async () => {
    const made = new HostInterface('icx0');
    const controlTargets = [
      { address: '198.51.100.1', port: 7000 },
      { address: '2001:db8::1', port: 7000 },
    ];
    const traffic = { ...TRAFFIC, ephemeralControl: true, controlTargets };
    await host.enter(() => made.apply({ ...PLAN, routes: ['0.0.0.0/0', '::/0'], traffic }));
    const via = (target: string) => / dev (\S+)/.exec(host.ip(`route get ${target}`))?.[1];
    expect(via('198.51.100.1 ipproto tcp dport 7000')).toBe('eth0');
    expect(via('198.51.100.1 ipproto udp dport 7000')).toBe('eth0');
    expect(via('2001:db8::1 ipproto tcp dport 7000')).toBe('eth0');
    expect(via('198.51.100.1 ipproto tcp dport 7001')).toBe('icx0');
    expect(via('198.51.100.2 ipproto tcp dport 7000')).toBe('icx0');
    expect(via('198.51.100.2 ipproto tcp sport 6082')).toBe('eth0');
  });

  test('warnings() names interfaces that would drop what peers send, and how to change that', async () => {
    const made = new HostInterface('icx0');
    await host.exec(['sysctl', '-qw', 'net.ipv4.conf.eth0.rp_filter=1']);
    await host.enter(async () => {
      await made.apply(PLAN);
      expect(made.warnings()).toEqual([]);
      await made.apply({ ...PLAN, routes: ['0.0.0.0/0'] });
      expect(made.warnings()).toEqual([expect.stringMatching(/^eth0 .*net\.ipv4\.conf\.eth0\.rp_filter=2$/)]);
      await host.exec(['sysctl', '-qw', 'net.ipv4.conf.eth0.rp_filter=2']);
      expect(made.warnings()).toEqual([]);
    });
  });

  test('removeStaleRules() removes what a killed agent left, and only of its own name', async () => {
    await host.enter(async () => {
      host.ip('rule add priority 77 fwmark 1 lookup main');
      host.ip('tuntap add icx1 mode tun');
      await new HostInterface('icx0').apply({ ...PLAN, routes: ['0.0.0.0/0', '::/0'] });
      const other = { ...PLAN, addresses: ['10.78.0.1/24'], routes: ['0.0.0.0/0'] };
      await new HostInterface('icx1').apply(other);
      const rules = (family: string) => host.ip(`${family} rule`).split('\n').length;
      const before = rules('-4');
      expect(await removeStaleRules('icx0')).toBe(8);
      expect(rules('-4')).toBe(before - 4);
      expect(host.ip('rule')).toContain('77:');
      expect(await removeStaleRules('icx0')).toBe(0);
      expect(await removeStaleRules('icx1')).toBe(4);
      expect(host.ip('-6 rule')).not.toContain('fwmark 0x69');
    });
  });
});
