import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ConfigDir, publicKeyText } from './config-dir.ts';

let dir: ConfigDir;
beforeAll(() => {
  dir = new ConfigDir();
});
afterAll(() => dir.remove());

const OWN = '[interface]\nprivate_key_file = "own.key"\n';
const PEER = (name: string, byte: number) =>
  `[[peer]]\nname = "${name}"\npublic_key = "${publicKeyText(byte)}"\n`;
const NETWORK = (name: string, vni: number) => `[[network]]\nname = "${name}"\nvni = ${vni}\n`;
const L2 = `${OWN}mode = "l2"\naddress = ["10.0.0.1/24"]\n${PEER('b', 2)}[[port]]\ntype = "interface"\nname = "lan"\ndevice = "veth0"\n`;
const M1 = '02:00:00:00:00:01';
const AT = (mac: string, peer: string) => `[[station]]\nmac = "${mac}"\npeer = "${peer}"\n`;
const IS = (ip: string, more: string) => `[[neighbour]]\nip = "${ip}"\nmac = "${M1}"\n${more}`;

/** Text of a config, and the start of the one line that says what is wrong. */
const BAD: readonly (readonly [what: string, text: string, line: string])[] = [
  [
    'switch in an l3 network',
    `${OWN}${PEER('b', 2)}[switch]\n`,
    `icx0.toml:6: an l3 network has no switch; remove it, or set mode = "l2"`,
  ],
  [
    'neighbour in an l3 network',
    `${OWN}${PEER('b', 2)}[[neighbour]]\nip = "10.0.0.9"\nmac = "02:00:00:00:00:01"\n`,
    `icx0.toml:6: an l3 network has no neighbour; remove it, or set mode = "l2"`,
  ],
  [
    'station in an l3 network',
    `${OWN}${PEER('b', 2)}[[station]]\nmac = "02:00:00:00:00:01"\npeer = "b"\n`,
    `icx0.toml:6: an l3 network has no station; remove it, or set mode = "l2"`,
  ],
  [
    'a switch in one l3 network of several',
    `${OWN}${NETWORK('red', 1)}[network.switch]\n`,
    `icx0.toml:6: an l3 network has no switch`,
  ],
  [
    'an ageing time that is too short',
    `${L2}[switch]\nageing = "500ms"\n`,
    `icx0.toml:13: ageing: "500ms" is out of range; expected "1s" to "24h"`,
  ],
  [
    'an unknown key of the switch',
    `${L2}[switch]\nagein = "5m"\n`,
    `icx0.toml:13: unknown key "agein"; did you mean ageing?`,
  ],
  [
    'a station without MAC address',
    `${L2}[[station]]\npeer = "b"\n`,
    `icx0.toml:12: mac is missing; expected a MAC address like "02:42:ac:11:00:02"`,
  ],
  [
    'a group as a station',
    `${L2}[[station]]\nmac = "01:00:5e:00:00:01"\npeer = "b"\n`,
    `icx0.toml:13: mac: 01:00:5e:00:00:01 is the MAC address of a group; expected that of one station`,
  ],
  [
    'a station that is nowhere',
    `${L2}[[station]]\nmac = "${M1}"\n`,
    `icx0.toml:12: a station needs a port or a peer; name either a port or a peer`,
  ],
  [
    'a station in two places',
    `${L2}[[station]]\nmac = "${M1}"\nport = "lan"\npeer = "b"\n`,
    `icx0.toml:12: a station is in one place only; name either a port or a peer`,
  ],
  [
    'a station at a port that there is not',
    `${L2}[[station]]\nmac = "${M1}"\nport = "lam"\n`,
    `icx0.toml:14: there is no port "lam"; did you mean lan?`,
  ],
  [
    'a station at a port that is like no other',
    `${L2}[[station]]\nmac = "${M1}"\nport = "x"\n`,
    `icx0.toml:14: there is no port "x"; name a port of this network`,
  ],
  [
    'a station at a peer that there is not',
    `${L2}[[station]]\nmac = "${M1}"\npeer = "host-z"\n`,
    `icx0.toml:14: there is no peer "host-z"; name a peer of network icx0`,
  ],
  [
    'a station at a peer that is no member',
    `${OWN}${PEER('b', 2)}${PEER('host-c', 3)}${NETWORK('red', 1)}mode = "l2"\n[[network.peer]]\nname = "b"\n[[network.station]]\nmac = "${M1}"\npeer = "host-c"\n`,
    `icx0.toml:17: there is no peer "host-c"; name a peer of network red`,
  ],
  [
    'a station twice',
    `${L2}${AT(M1, 'b')}${AT(M1, 'b')}`,
    `icx0.toml:16: station ${M1} stands here twice; remove one`,
  ],
  [
    'more stations than the switch takes',
    `${L2}[switch]\nmax_stations = 1\n${AT(M1, 'b')}${AT('02:00:00:00:00:02', 'b')}`,
    `icx0.toml:13: 2 stations are more than max_stations = 1; raise it`,
  ],
  [
    'a neighbour without address',
    `${L2}[[neighbour]]\nmac = "${M1}"\n`,
    `icx0.toml:12: ip is missing; expected an IPv4 or IPv6 address`,
  ],
  [
    'a neighbour without MAC address',
    `${L2}[[neighbour]]\nip = "10.0.0.9"\n`,
    `icx0.toml:12: mac is missing`,
  ],
  [
    'a neighbour with a prefix',
    `${L2}[[neighbour]]\nip = "10.0.0.9/32"\nmac = "${M1}"\n`,
    `icx0.toml:13: ip: "10.0.0.9/32" is not an IPv4 or IPv6 address`,
  ],
  [
    'a neighbour twice',
    `${L2}${IS('fd00::9', '')}${IS('FD00:0::9', '')}`,
    `icx0.toml:16: neighbour fd00::9 stands here twice; remove one`,
  ],
  [
    'a neighbour that is this host',
    `${L2}${IS('10.0.0.1', '')}`,
    `icx0.toml:13: neighbour 10.0.0.1 is an address of this host; remove it`,
  ],
  [
    'a neighbour at a peer that there is not',
    `${L2}${IS('10.0.0.9', 'peer = "host-z"\n')}`,
    `icx0.toml:15: there is no peer "host-z"; name a peer of network icx0`,
  ],
  [
    'a neighbour elsewhere than its station',
    `${L2}[[station]]\nmac = "${M1}"\nport = "lan"\n${IS('10.0.0.9', 'peer = "b"\n')}`,
    `icx0.toml:18: station ${M1} is at port lan; a station is in one place only`,
  ],
  [
    'neighbours of one station at two peers',
    `${L2}${IS('10.0.0.9', 'peer = "b"\n')}${IS('10.0.0.8', 'peer = "c"\n')}${PEER('c', 3)}`,
    `icx0.toml:19: station ${M1} is at peer b; a station is in one place only`,
  ],
];

/** What is near to being wrong. */
const GOOD: readonly (readonly [what: string, text: string])[] = [
  ['a neighbour at the peer of its station', `${L2}${AT(M1, 'b')}${IS('10.0.0.9', 'peer = "b"\n')}`],
  ['two addresses of one station', `${L2}${IS('10.0.0.9', 'peer = "b"\n')}${IS('fd00::9', 'peer = "b"\n')}`],
  [
    'as many stations as the switch takes',
    `${L2}[switch]\nmax_stations = 2\n${AT(M1, 'b')}${AT('02:00:00:00:00:02', 'b')}`,
  ],
  [
    'a station in two networks',
    `${OWN}${PEER('b', 2)}${['red', 'blue'].map((name, index) => `${NETWORK(name, index + 1)}mode = "l2"\n${AT(M1, 'b').replace('station', 'network.station')}`).join('')}`,
  ],
];

describe('checkSwitch()', () => {
  test.each(BAD)('refuses %s', (_, text, line) => {
    const found = dir.problems(text);
    expect(found).toEqual([expect.stringContaining(line)]);
    expect(found[0]?.indexOf(line)).toBe(0);
  });

  test.each(GOOD)('takes %s', (_, text) => {
    expect(dir.problems(text)).toEqual([]);
  });
});
