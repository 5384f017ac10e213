import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadConfig } from '../../../cli/config/load.ts';
import type { Config } from '../../../cli/config/types.ts';
import { ConfigDir, publicKeyText, seedText } from './config-dir.ts';

let dir: ConfigDir;
beforeAll(() => {
  dir = new ConfigDir();
});
afterAll(() => dir.remove());

const OWN = '[interface]\nprivate_key_file = "own.key"\n';
const PEER = (name: string, byte: number) =>
  `[[peer]]\nname = "${name}"\npublic_key = "${publicKeyText(byte)}"\n`;

function load(text: string): Config {
  return loadConfig(dir.write('icx0.toml', text, 0o600));
}

describe('loadConfig() of one network', () => {
  test('gives what [interface] says of it, with the agent’s peers', () => {
    const config = load(
      `${OWN}address = ["10.77.0.1/24"]\nvni = 9\nmtu = 1400\nroutes = false\n${PEER('b', 2)}allowed_ips = ["10.77.0.2"]\n`,
    );
    expect(config.networks).toEqual([
      {
        name: 'icx0',
        vni: 9,
        mode: 'l3',
        device: true,
        addresses: ['10.77.0.1/24'],
        mtu: 1400,
        routes: false,
        announce: [],
        peers: config.peers,
        ports: [],
        switch: null,
        relay: null,
        neighbours: [],
      },
    ]);
    expect(config.networks[0]?.peers).toBe(config.peers);
    expect(config.peers[0]?.allowedIps).toEqual(['10.77.0.2/32']);
  });

  test('gives ports, switch, neighbours and stations of an l2 network', () => {
    const [network] = load(`${OWN}mode = "l2"
${PEER('b', 2)}
[switch]
ageing = "10m"
max_stations = 1000
max_stations_per_port = 10
snooping = false
suppress = false
[[port]]
type = "unix"
name = "vm1"
path = "run/vm1.sock"
remote = "/run/vm1.qemu"
mode = "0660"
mtu = 1400
max_stations = 2
[[port]]
type = "interface"
name = "lan"
device = "veth0"
max_stations = 3
[[port]]
type = "vxlan"
name = "rack"
vni = 4001
listen = "FD00:0::1"
listen_port = 8472
remotes = ["fd00::0:2"]
group = "ff05::1"
device = "eth0"
learn_remotes = false
ttl = 3
[[neighbour]]
ip = "FD77:0::9"
mac = "02:42:AC:11:00:09"
[[neighbour]]
ip = "10.77.0.9"
mac = "02:42:ac:11:00:0a"
peer = "b"
[[station]]
mac = "02:42:AC:11:00:09"
port = "vm1"
[[station]]
mac = "02:42:ac:11:00:0a"
peer = "b"
`).networks;
    expect(network).toMatchObject({
      mode: 'l2',
      ports: [
        {
          type: 'unix',
          name: 'vm1',
          path: join(dir.path, 'run/vm1.sock'),
          remote: '/run/vm1.qemu',
          mode: 0o660,
          mtu: 1400,
          maxStations: 2,
          addresses: [],
        },
        { type: 'interface', name: 'lan', device: 'veth0', maxStations: 3 },
        {
          type: 'vxlan',
          name: 'rack',
          vni: 4001,
          listen: 'fd00::1',
          listenPort: 8472,
          remotes: ['fd00::2'],
          group: 'ff05::1',
          device: 'eth0',
          learnRemotes: false,
          ttl: 3,
        },
      ],
      switch: {
        ageingMs: 600_000,
        maxStations: 1000,
        maxStationsPerPort: 10,
        snooping: false,
        suppress: false,
        stations: [
          { mac: '02:42:ac:11:00:09', port: 'vm1', peer: null },
          { mac: '02:42:ac:11:00:0a', port: null, peer: 'b' },
        ],
      },
      neighbours: [
        { ip: 'fd77::9', mac: '02:42:ac:11:00:09', peer: null },
        { ip: '10.77.0.9', mac: '02:42:ac:11:00:0a', peer: 'b' },
      ],
    });
  });

  test('fills in the defaults', () => {
    const [network] = load(
      `${OWN}mode = "l2"\nvni = 7\n[[port]]\ntype = "vxlan"\nname = "v"\nremotes = ["192.0.2.9"]\n` +
        '[[port]]\ntype = "interface"\nname = "i"\ndevice = "veth0"\n',
    ).networks;
    expect(network?.switch).toEqual({
      ageingMs: 300_000,
      maxStations: 16_384,
      maxStationsPerPort: 4096,
      snooping: true,
      suppress: true,
      stations: [],
    });
    expect(network?.ports).toEqual([
      {
        type: 'vxlan',
        name: 'v',
        vni: 7,
        listen: '0.0.0.0',
        listenPort: 4789,
        remotes: ['192.0.2.9'],
        group: null,
        device: null,
        learnRemotes: false,
        ttl: 64,
      },
      { type: 'interface', name: 'i', device: 'veth0', maxStations: null },
    ]);
  });

  test('forgets stations sooner where there are virtual machines', () => {
    const unix = '[[port]]\ntype = "unix"\nname = "vm"\npath = "/run/vm.sock"\n';
    const [network] = load(`${OWN}mode = "l2"\n${unix}`).networks;
    expect(network?.switch?.ageingMs).toBe(120_000);
    expect(network?.ports[0]).toMatchObject({ remote: null, mode: 0o600, mtu: null, maxStations: null });
  });

  test('learns who is in a group, and keeps no more stations a port than in all', () => {
    const [network] = load(
      `${OWN}mode = "l2"\n[switch]\nmax_stations = 5\n[[port]]\ntype = "vxlan"\nname = "v"\ngroup = "239.1.1.1"\n`,
    ).networks;
    expect(network?.ports[0]).toMatchObject({ learnRemotes: true });
    expect(network?.switch).toMatchObject({ maxStations: 5, maxStationsPerPort: 5 });
  });

  test('gives the guests of an l3 network their addresses', () => {
    const [network] = load(
      `${OWN}[[port]]\ntype = "unix"\nname = "vm"\npath = "/run/vm.sock"\naddress = ["10.77.0.9", "FD77:9::/64"]\n`,
    ).networks;
    expect(network).toMatchObject({ switch: null, ports: [{ addresses: ['10.77.0.9/32', 'fd77:9::/64'] }] });
  });
});

describe('loadConfig() of a relay', () => {
  test('gives what it says', () => {
    const [network] = load(`${OWN}[relay]
idle_timeout = "2m"
max_sessions = 100
max_sessions_per_guest = 10
resolver = "127.0.0.53"
address = ["10.77.0.254", "FD77:0::FE"]
deny = ["192.0.2.9", "2001:DB8::/32"]
allow = ["192.168.0.0/16"]
`).networks;
    expect(network?.relay).toEqual({
      idleTimeoutMs: 120_000,
      maxSessions: 100,
      maxSessionsPerGuest: 10,
      resolver: '127.0.0.53',
      addresses: ['10.77.0.254', 'fd77::fe'],
      deny: ['192.0.2.9/32', '2001:db8::/32'],
      allow: ['192.168.0.0/16'],
    });
  });

  test('fills in the defaults, and keeps no more sessions a guest than in all', () => {
    const [network] = load(`${OWN}[relay]\n`).networks;
    const defaults = {
      idleTimeoutMs: 60_000,
      maxSessions: 16_384,
      maxSessionsPerGuest: 1_024,
      resolver: null,
      addresses: [],
      deny: [],
      allow: [],
    };
    expect(network?.relay).toEqual(defaults);
    const [small] = load(`${OWN}[relay]\nmax_sessions = 5\n`).networks;
    expect(small?.relay).toMatchObject({ maxSessions: 5, maxSessionsPerGuest: 5 });
  });

  test('has none where it is switched off', () => {
    const [network] = load(`${OWN}[relay]\nenabled = false\n`).networks;
    expect(network?.relay).toBeNull();
  });

  test('belongs to its network, and the exit to the peer in all of them', () => {
    const { peers, networks } = load(
      `${OWN}${PEER('b', 2)}exit = "udp"\n${PEER('c', 3)}[[network]]\nname = "red"\nvni = 1\n[[network]]\nname = "blue"\nvni = 2\n[network.relay]\n`,
    );
    expect(networks.map(({ relay }) => relay?.maxSessions)).toEqual([undefined, 16_384]);
    expect(peers.map(({ exit }) => exit)).toEqual(['udp', null]);
    expect(networks[1]?.peers.map(({ exit }) => exit)).toEqual(['udp', null]);
  });
});

describe('loadConfig() of several networks', () => {
  const SEVERAL = `${OWN}name = "agent"
${PEER('b', 2)}preshared_key = "${seedText(7)}"
keepalive = "25s"
${PEER('c', 3)}
[[network]]
name = "red"
vni = 10
address = ["10.10.0.1/24"]
mtu = 1380
routes = false
[[network.peer]]
name = "b"
allowed_ips = ["10.10.0.2"]
local_ips = ["10.10.0.1/32"]
[[network]]
name = "blue"
vni = 11
mode = "l2"
interface = false
[network.switch]
ageing = "1m"
[[network.port]]
type = "interface"
name = "lan"
device = "veth0"
[[network.neighbour]]
ip = "10.11.0.9"
mac = "02:00:00:00:00:09"
peer = "c"
[[network.station]]
mac = "02:00:00:00:00:08"
port = "lan"
`;

  test('gives each its own', () => {
    const { interface: own, networks } = load(SEVERAL);
    expect(own).toMatchObject({ name: 'agent', addresses: [], vni: 0, mtu: 'auto', routes: true });
    expect(networks).toMatchObject([
      {
        name: 'red',
        vni: 10,
        mode: 'l3',
        device: true,
        addresses: ['10.10.0.1/24'],
        mtu: 1380,
        routes: false,
        ports: [],
        switch: null,
        neighbours: [],
      },
      {
        name: 'blue',
        vni: 11,
        mode: 'l2',
        device: false,
        addresses: [],
        mtu: 'auto',
        routes: true,
        ports: [{ name: 'lan' }],
        switch: { ageingMs: 60_000, stations: [{ mac: '02:00:00:00:00:08', port: 'lan', peer: null }] },
        neighbours: [{ ip: '10.11.0.9', mac: '02:00:00:00:00:09', peer: 'c' }],
      },
    ]);
  });

  test('gives each its members with their addresses: those it names, or all', () => {
    const { peers, networks } = load(SEVERAL);
    expect(peers).toMatchObject([
      { name: 'b', allowedIps: [], localIps: [] },
      { name: 'c', allowedIps: [], localIps: [] },
    ]);
    const everywhere = ['0.0.0.0/0', '::/0'];
    expect(networks.map((network) => network.peers)).toMatchObject([
      [{ name: 'b', allowedIps: ['10.10.0.2/32'], localIps: ['10.10.0.1/32'], keepaliveMs: 25_000 }],
      [
        { name: 'b', allowedIps: [], localIps: everywhere },
        { name: 'c', allowedIps: [], localIps: everywhere },
      ],
    ]);
  });

  test('shares the keys, so that whoever overwrites one overwrites all', () => {
    const { peers, networks } = load(SEVERAL);
    expect(peers[0]?.presharedKey).toEqual(new Uint8Array(32).fill(7));
    for (const network of networks) {
      expect(network.peers[0]?.presharedKey).toBe(peers[0]?.presharedKey);
      expect(network.peers[0]?.publicKey).toBe(peers[0]?.publicKey);
    }
  });

  test('names members by the short form of their key where they have no other name', () => {
    const key = publicKeyText(2);
    const short = key.slice(0, 8);
    const { networks } = load(
      `${OWN}[[peer]]\npublic_key = "${key}"\n[[network]]\nname = "red"\nvni = 1\n[[network.peer]]\nname = "${short}"\n`,
    );
    expect(networks[0]?.peers).toMatchObject([{ name: short, localIps: ['0.0.0.0/0', '::/0'] }]);
  });
});
