import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { diffConfig } from '../../../cli/config/diff.ts';
import { networksInForce } from '../../../cli/config/diff-networks.ts';
import { loadConfig } from '../../../cli/config/load.ts';
import type { Config } from '../../../cli/config/types.ts';
import { ConfigDir, publicKeyText } from './config-dir.ts';

let dir: ConfigDir;
beforeAll(() => {
  dir = new ConfigDir();
});
afterAll(() => dir.remove());

const PEERS = ['b', 'c']
  .map((name, index) => `[[peer]]\nname = "${name}"\npublic_key = "${publicKeyText(index + 2)}"\n`)
  .join('');

/** A config without `[[network]]`, with keys of `[interface]`. */
function one(keys: string, rest = ''): Config {
  return loadConfig(
    dir.write('icx0.toml', `[interface]\nprivate_key_file = "own.key"\n${keys}\n${rest}${PEERS}`),
  );
}

function several(...networks: readonly string[]): Config {
  return one('', networks.join(''));
}

const NETWORK = (name: string, vni: number, more = '') =>
  `[[network]]\nname = "${name}"\nvni = ${vni}\n${more}\n`;
const MEMBER = (name: string, ips = '') => `[[network.peer]]\nname = "${name}"\nallowed_ips = [${ips}]\n`;
const UNIX = (name: string, more = '') =>
  `[[port]]\ntype = "unix"\nname = "${name}"\npath = "/run/${name}.sock"\n${more}\n`;
const LAN = '[[port]]\ntype = "interface"\nname = "lan"\ndevice = "veth0"\n';
const RACK = '[[port]]\ntype = "vxlan"\nname = "rack"\nremotes = ["192.0.2.9"]\n';
const STATION = (mac: number, place: string) => `[[station]]\nmac = "02:00:00:00:00:0${mac}"\n${place}\n`;
const NEIGHBOUR = (ip: string, more = '') =>
  `[[neighbour]]\nip = "${ip}"\nmac = "02:00:00:00:00:09"\n${more}\n`;

function lines(before: Config, after: Config): string[] {
  return diffConfig(before, after).map(
    ({ kind, subject, detail, needs_restart }) =>
      `${kind} ${subject}: ${detail}${needs_restart ? ' (restart)' : ''}`,
  );
}

describe('diffConfig()', () => {
  const peer = (keys: string) => `[[peer]]\nname = "d"\npublic_key = "${publicKeyText(9)}"\n${keys}\n`;

  test('tells what the only network announces and accepts, which it can change', () => {
    const before = one('announce = ["10.88.1.0/24"]', peer(''));
    const after = one('announce = ["10.88.2.0/24"]', peer('accept_routes = ["10.89.0.0/16"]'));
    expect(lines(before, after)).toEqual([
      'changed peer d: accept_routes: [] → [10.89.0.0/16]',
      'changed interface: announce: [10.88.1.0/24] → [10.88.2.0/24]',
    ]);
    expect(networksInForce(before, after)).toEqual(after.networks);
  });

  test('tells what one of several networks announces and accepts, once', () => {
    const member = (keys: string) => `${MEMBER('b')}${keys}\n`;
    const before = several(NETWORK('red', 1), member('accept_routes = ["10.89.0.0/16"]'));
    const after = several(NETWORK('red', 1, 'announce = ["10.88.2.0/24"]'), member(''));
    expect(lines(before, after)).toEqual([
      'changed network red: announce: [] → [10.88.2.0/24]',
      'changed network red peer b: accept_routes: [10.89.0.0/16] → []',
    ]);
  });
});

describe('diffConfig() of the only network', () => {
  const L2 = (rest = '', more = '') => one(`mode = "l2"\n${more}`, rest);

  test('tells its mode, which waits for a restart with all that is of the mode', () => {
    expect(lines(one(''), L2(LAN))).toEqual([
      'changed interface: mode: l3 → l2 (restart)',
      'added port lan: interface veth0 (restart)',
    ]);
  });

  test('tells what became of ports; one that changed is another', () => {
    expect(lines(L2(LAN + UNIX('a') + UNIX('b')), L2(UNIX('b') + UNIX('a', 'mtu = 1400') + RACK))).toEqual([
      'removed port lan: ',
      'removed port a: ',
      'added port a: unix /run/a.sock',
      'added port rack: vxlan, vni 1',
    ]);
  });

  test('tells the settings of the switch, also those that follow from a port', () => {
    const settings =
      '[switch]\nmax_stations = 99\nmax_stations_per_port = 9\nsnooping = false\nsuppress = false\n';
    expect(lines(L2(), L2(settings))).toEqual([
      'changed switch: max_stations: 16384 → 99',
      'changed switch: max_stations_per_port: 4096 → 9',
      'changed switch: snooping: true → false',
      'changed switch: suppress: true → false',
    ]);
    expect(lines(L2(), L2(UNIX('a')))).toEqual([
      'added port a: unix /run/a.sock',
      'changed switch: ageing: 5m → 2m',
    ]);
  });

  test('tells stations and neighbours', () => {
    const before = L2(LAN + STATION(1, 'port = "lan"') + STATION(2, 'peer = "b"') + NEIGHBOUR('10.0.0.8'));
    const after = L2(
      LAN + STATION(3, 'port = "lan"') + STATION(2, 'peer = "c"') + NEIGHBOUR('10.0.0.8', 'peer = "b"'),
    );
    expect(lines(before, after)).toEqual([
      'removed station 02:00:00:00:00:01: ',
      'added station 02:00:00:00:00:03: port lan',
      'changed station 02:00:00:00:00:02: peer b → peer c',
      'changed neighbour 10.0.0.8: 02:00:00:00:00:09 → 02:00:00:00:00:09 at peer b',
    ]);
    expect(lines(before, before)).toEqual([]);
  });

  test('tells what became of the relay', () => {
    const relay = (more = '') => one('', `[relay]\n${more}`);
    // One queue serves a network with a relay.
    expect(lines(one(''), relay())).toEqual(['added relay:  (restart)']);
    expect(lines(one('queues = 1\n'), one('queues = 1\n', '[relay]\n'))).toEqual(['added relay: ']);
    expect(lines(relay(), relay('enabled = false\n'))).toEqual(['removed relay: ']);
    const settings =
      'idle_timeout = "2m"\nmax_sessions = 9\nresolver = "192.0.2.53"\naddress = ["10.0.0.1"]\ndeny = ["10.0.0.0/8"]\n';
    expect(lines(relay(), relay(settings))).toEqual([
      'changed relay: idle_timeout: 1m → 2m',
      'changed relay: max_sessions: 16384 → 9',
      'changed relay: max_sessions_per_guest: 1024 → 9',
      'changed relay: resolver: none → 192.0.2.53',
      'changed relay: address: [] → [10.0.0.1]',
      'changed relay: deny: [] → [10.0.0.0/8]',
    ]);
    expect(lines(relay(settings), relay(settings))).toEqual([]);
  });

  test('tells who may use it', () => {
    const [before, after] = [one('', '[relay]\n'), one('', '[relay]\n')];
    const peers = after.peers.map((peer) => ({ ...peer, exit: 'udp' as const }));
    const networks = after.networks.map((network) => ({ ...network, peers }));
    expect(lines(before, { ...after, peers, networks }).at(0)).toBe('changed peer b: exit: none → udp');
  });

  test('tells another name once', () => {
    expect(lines(one('name = "a"'), one('name = "b"'))).toEqual(['changed interface: name: a → b (restart)']);
  });
});

describe('diffConfig() of several networks', () => {
  test('finds nothing between equal configs, in whatever order', () => {
    const [red, blue] = [NETWORK('red', 1, 'mode = "l2"'), NETWORK('blue', 2, MEMBER('b'))];
    expect(lines(several(red, blue), several(blue, red))).toEqual([]);
  });

  test('tells added and removed networks', () => {
    expect(lines(several(NETWORK('red', 1)), several(NETWORK('blue', 2, 'mode = "l2"')))).toEqual([
      'removed network red: ',
      'added network blue: l2, vni 2',
    ]);
  });

  test('tells what of a network changed, and what of that waits for a restart', () => {
    const port = LAN.replace('port', 'network.port');
    const before = several(NETWORK('red', 1, `mode = "l2"\naddress = ["10.0.0.1/24"]\n${port}`));
    const after = several(
      NETWORK('red', 2, `mode = "l2"\ninterface = false\nmtu = 1400\nroutes = false\n${port}`),
    );
    expect(lines(before, after)).toEqual([
      'changed network red: vni: 1 → 2 (restart)',
      'changed network red: interface: true → false (restart)',
      'changed network red: addresses: [10.0.0.1/24] → []',
      'changed network red: mtu: auto → 1400',
      'changed network red: routes: true → false',
    ]);
    expect(lines(before, several(NETWORK('red', 1, 'address = ["10.0.0.1/24"]')))).toEqual([
      'changed network red: mode: l2 → l3 (restart)',
      'removed network red port lan:  (restart)',
    ]);
  });

  test('tells ports, switch, stations and neighbours with their network', () => {
    const inside = (text: string) => text.replaceAll(/\[(port|switch|station|neighbour)\]/g, '[network.$1]');
    const before = several(NETWORK('red', 1, 'mode = "l2"'));
    const all = `${LAN}[switch]\nageing = "1m"\n${STATION(1, 'port = "lan"')}${NEIGHBOUR('fd00::9')}`;
    expect(lines(before, several(NETWORK('red', 1, `mode = "l2"\n${inside(all)}`)))).toEqual([
      'added network red port lan: interface veth0',
      'changed network red switch: ageing: 5m → 1m',
      'added network red station 02:00:00:00:00:01: port lan',
      'added network red neighbour fd00::9: 02:00:00:00:00:09',
    ]);
  });

  test('tells members and their addresses, of the network and not of the peer', () => {
    const before = several(NETWORK('red', 1, MEMBER('b', '"10.0.0.0/8"')));
    const after = several(
      NETWORK(
        'red',
        1,
        `${MEMBER('b', '"10.0.0.0/9"')}local_ips = ["10.0.0.1/32"]\n${MEMBER('c', '"fd00::/8"')}`,
      ),
    );
    expect(lines(before, after)).toEqual([
      'changed network red peer b: allowed_ips: [10.0.0.0/8] → [10.0.0.0/9]',
      'changed network red peer b: local_ips: [0.0.0.0/0, ::/0] → [10.0.0.1/32]',
      'added network red peer c: fd00::/8',
    ]);
    expect(lines(after, before).at(-3)).toBe('removed network red peer c: ');
  });

  test('tells nothing where only the form changed', () => {
    const single = one('vni = 5\nmtu = 1400\naddress = ["10.0.0.1/24"]');
    const network = NETWORK('icx0', 5, 'mtu = 1400\naddress = ["10.0.0.1/24"]');
    expect(lines(single, several(network))).toEqual([]);
    expect(lines(several(network), single)).toEqual([]);
  });

  test('lets a network wait whose VNI is still in use', () => {
    const before = several(NETWORK('red', 1));
    expect(lines(before, several(NETWORK('red', 2), NETWORK('blue', 1)))).toEqual([
      'changed network red: vni: 1 → 2 (restart)',
      'added network blue: l3, vni 1 (restart)',
    ]);
  });
});

describe('networksInForce()', () => {
  test('keeps what waits for a restart as it runs, so that it is told again', () => {
    const lan = LAN.replace('port', 'network.port');
    const running = several(NETWORK('red', 1), NETWORK('blue', 2, `mode = "l2"\n${lan}`));
    const next = several(
      NETWORK(
        'red',
        3,
        `mtu = 1400\ninterface = false\n${UNIX('a', 'address = ["10.0.0.9"]').replace('port', 'network.port')}`,
      ),
      NETWORK('blue', 2, MEMBER('b')),
    );
    const networks = networksInForce(running, next);
    expect(networks).toMatchObject([
      { name: 'red', vni: 1, device: true, mtu: 1400, ports: [] },
      {
        name: 'blue',
        mode: 'l2',
        ports: [{ name: 'lan' }],
        switch: { snooping: true },
        peers: [{ name: 'b' }],
      },
    ]);
    expect(lines({ ...next, networks }, next)).toEqual([
      'changed network red: vni: 1 → 3 (restart)',
      'changed network red: interface: true → false (restart)',
      'added network red port a: unix /run/a.sock (restart)',
      'changed network blue: mode: l2 → l3 (restart)',
      'removed network blue port lan:  (restart)',
    ]);
  });

  test.each([
    ['of a network that several queues may serve', '', '', true],
    ['of one that one queue serves', 'queues = 1', '', false],
    ['of one that has guests', '', UNIX('b', 'address = ["10.0.0.8"]'), false],
  ])('lets the guests %s wait: %s', (_, settings, ports, waits) => {
    const guest = UNIX('a', 'address = ["10.0.0.9"]');
    const [running, next] = [one(settings, ports), one(settings, ports + guest)];
    expect(lines(running, next)).toEqual([`added port a: unix /run/a.sock${waits ? ' (restart)' : ''}`]);
    expect(networksInForce(running, next)[0]?.ports.some(({ name }) => name === 'a')).toBe(!waits);
  });

  test('leaves out what was removed, and who waits for a VNI', () => {
    const running = several(NETWORK('red', 1), NETWORK('green', 4));
    const next = several(NETWORK('red', 2), NETWORK('blue', 1), NETWORK('white', 4));
    expect(networksInForce(running, next).map(({ name, vni }) => [name, vni])).toEqual([
      ['red', 1],
      ['white', 4],
    ]);
  });

  test('keeps name, VNI and mode of the only network, and that it is the only one', () => {
    const running = one('vni = 1\nname = "a"');
    const next = one('vni = 2\nname = "b"\nmode = "l2"\nmtu = 1400', LAN);
    const networks = networksInForce(running, next);
    expect(networks).toMatchObject([{ name: 'a', vni: 1, mode: 'l3', mtu: 1400, ports: [], switch: null }]);
    expect(networks[0]?.peers).toBe(next.peers);
  });

  test('takes on another relay, but not one for a mode that waits', () => {
    const running = one('', '[relay]\nmax_sessions = 5\n');
    const next = (mode: string) =>
      one(`mode = "${mode}"`, '[relay]\nmax_sessions = 9\naddress = ["10.0.0.1"]\n');
    const relayOf = (config: Config) => networksInForce(running, config)[0]?.relay;
    expect(relayOf(next('l3'))).toMatchObject({ maxSessions: 9, addresses: ['10.0.0.1'] });
    expect(relayOf(next('l2'))).toMatchObject({ maxSessions: 5, addresses: [] });
    expect(lines(running, next('l2'))).toContain('changed relay: max_sessions: 5 → 9 (restart)');
  });
});
