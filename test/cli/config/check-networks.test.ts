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
const MEMBER = (name: string, ips: string) => `[[network.peer]]\nname = "${name}"\nallowed_ips = [${ips}]\n`;
const GUEST = (name: string, ips: string) =>
  `[[port]]\ntype = "unix"\nname = "${name}"\npath = "/run/${name}.sock"\naddress = [${ips}]\n`;
const PORT = '[[network.port]]\ntype = "interface"\nname = "lan"\ndevice = "veth0"\n';

/** Text of a config, and the start of the one line that says what is wrong. */
const BAD: readonly (readonly [what: string, text: string, line: string])[] = [
  [
    'a network without name',
    `${OWN}[[network]]\nvni = 1\n`,
    `icx0.toml:3: name is missing; expected a name of 1 to 15 characters`,
  ],
  [
    'a network without VNI',
    `${OWN}[[network]]\nname = "red"\n`,
    `icx0.toml:3: vni is missing; expected a whole number from 1 to 16777215`,
  ],
  [
    'a VNI of 0',
    `${OWN}${NETWORK('red', 0)}`,
    `icx0.toml:5: cannot use vni = 0; expected a whole number from 1 to 16777215`,
  ],
  [
    'a name that no interface can have',
    `${OWN}${NETWORK('red/1', 1)}`,
    `icx0.toml:4: name: "red/1" can't name an interface; use 1 to 15 of the characters a-z, A-Z, 0-9, _ = + . -`,
  ],
  [
    'a mode that is none',
    `${OWN}mode = "L2"\n[switch]\n`,
    `icx0.toml:3: cannot use mode = "L2"; expected "l3" or "l2"`,
  ],
  [
    'two networks of one name',
    `${OWN}${NETWORK('red', 1)}${NETWORK('red', 2)}`,
    `icx0.toml:7: there are two networks named "red"; rename one`,
  ],
  [
    'two networks of one VNI',
    `${OWN}${NETWORK('red', 1)}${NETWORK('blue', 1)}`,
    `icx0.toml:8: vni 1 is that of network red too; give each network its own`,
  ],
  [
    'an address of two networks',
    `${OWN}${NETWORK('red', 1)}address = ["10.0.0.1/24"]\n${NETWORK('blue', 2)}address = ["10.0.0.1/8"]\n`,
    `icx0.toml:10: address 10.0.0.1 is of network red too; each network needs an address of its own`,
  ],
  [
    'an address twice in a network',
    `${OWN}${NETWORK('red', 1)}address = ["10.0.0.1/24",\n"10.0.0.1/8"]\n`,
    `icx0.toml:7: address 10.0.0.1 stands here twice; remove one`,
  ],
  [
    'an address without interface',
    `${OWN}${NETWORK('red', 1)}mode = "l2"\ninterface = false\naddress = ["10.0.0.1/24"]\n${PORT}`,
    `icx0.toml:8: a network without interface has no address; remove the address, or interface = false`,
  ],
  [
    'neither interface nor port',
    `${OWN}${NETWORK('red', 1)}mode = "l2"\ninterface = false\n`,
    `icx0.toml:7: network red has neither an interface nor a port nor a relay; remove interface = false, or add a [[network.port]] or a [network.relay]`,
  ],
  [
    'an unknown member',
    `${OWN}${PEER('host-b', 2)}${NETWORK('red', 1)}[[network.peer]]\nname = "hots-b"\n`,
    `icx0.toml:10: there is no peer "hots-b"; did you mean host-b?`,
  ],
  [
    'a member where there are no peers',
    `${OWN}${NETWORK('red', 1)}[[network.peer]]\nname = "b"\n`,
    `icx0.toml:7: there is no peer "b"; it needs a [[peer]] section`,
  ],
  [
    'a member without name',
    `${OWN}${NETWORK('red', 1)}[[network.peer]]\n`,
    `icx0.toml:6: name is missing; expected the name of a [[peer]]`,
  ],
  [
    'a member twice',
    `${OWN}${PEER('b', 2)}${NETWORK('red', 1)}${MEMBER('b', '')}${MEMBER('b', '')}`,
    `icx0.toml:13: peer b stands in this network twice; remove one`,
  ],
  [
    'host bits in a member’s addresses',
    `${OWN}${PEER('b', 2)}${NETWORK('red', 1)}${MEMBER('b', '"10.0.0.1/8"')}`,
    `icx0.toml:11: allowed_ips: 10.0.0.1/8 has host bits set; did you mean 10.0.0.0/8?`,
  ],
  [
    'a member with an address of ours',
    `${OWN}${PEER('b', 2)}${NETWORK('red', 1)}address = ["10.0.0.1/24"]\n${MEMBER('b', '"10.0.0.1/32"')}`,
    `icx0.toml:12: allowed_ips 10.0.0.1/32 is an address of this host; each host needs an address of its own`,
  ],
  [
    'a guest with an address of ours',
    `${OWN}address = ["10.0.0.1/24"]\n${GUEST('vm', '"10.0.0.1"')}`,
    `icx0.toml:8: address 10.0.0.1/32 is an address of this host; each host needs an address of its own`,
  ],
  [
    'local_ips in an l2 network',
    `${OWN}mode = "l2"\n${PEER('b', 2)}local_ips = ["10.0.0.0/8"]\n`,
    `icx0.toml:7: local_ips cannot hold in an l2 network; remove it: an l2 network forwards by MAC and checks no inner addresses`,
  ],
  [
    'local_ips of a member of an l2 network',
    `${OWN}${PEER('b', 2)}${NETWORK('red', 1)}mode = "l2"\n[[network.peer]]\nname = "b"\nlocal_ips = []\n`,
    `icx0.toml:12: local_ips cannot hold in an l2 network`,
  ],
  [
    'an MTU below 1280 with an IPv6 address',
    `${OWN}${NETWORK('red', 1)}mtu = 1279\naddress = ["fd00::1/64"]\n`,
    `icx0.toml:6: cannot use mtu = 1279 with an IPv6 address; IPv6 needs at least 1280`,
  ],
  [
    'an MTU below 1280 with an IPv6 route',
    `${OWN}${PEER('b', 2)}${NETWORK('red', 1)}mtu = 1279\n${MEMBER('b', '"fd00::/64"')}`,
    `icx0.toml:9: cannot use mtu = 1279 with allowed_ips fd00::/64; IPv6 needs at least 1280`,
  ],
  [
    'an MTU below 1280 with an IPv6 guest',
    `${OWN}mtu = 1279\n${GUEST('vm', '"fd00::9"')}`,
    `icx0.toml:3: cannot use mtu = 1279 with address fd00::9/128 of a guest; IPv6 needs at least 1280`,
  ],
];

/** What is near to being wrong. */
const GOOD: readonly (readonly [what: string, text: string])[] = [
  [
    'an MTU below 1280 where another network has IPv6',
    `${OWN}${NETWORK('red', 1)}mtu = 1279\n${NETWORK('blue', 2)}address = ["fd00::1/64"]\n`,
  ],
  [
    'an MTU below 1280 with an IPv6 prefix that gets no route',
    `${OWN}${PEER('b', 2)}${NETWORK('red', 1)}mtu = 1279\nroutes = false\n${MEMBER('b', '"fd00::/64"')}`,
  ],
  ['allowed_ips in an l2 network', `${OWN}mode = "l2"\n${PEER('b', 2)}allowed_ips = ["10.0.0.0/8"]\n`],
  [
    'a network without interface that has a port',
    `${OWN}${NETWORK('red', 1)}mode = "l2"\ninterface = false\n${PORT}`,
  ],
  ['the name of the agent for a network', `${OWN}${NETWORK('icx0', 1)}`],
  [
    'a member in two networks',
    `${OWN}${PEER('b', 2)}${NETWORK('red', 1)}${MEMBER('b', '')}${NETWORK('blue', 2)}${MEMBER('b', '')}`,
  ],
];

describe('checkNetworks()', () => {
  test.each(BAD)('refuses %s', (_, text, line) => {
    const found = dir.problems(text);
    expect(found).toEqual([expect.stringContaining(line)]);
    expect(found[0]?.indexOf(line)).toBe(0);
  });

  test.each(GOOD)('takes %s', (_, text) => {
    expect(dir.problems(text)).toEqual([]);
  });
});
