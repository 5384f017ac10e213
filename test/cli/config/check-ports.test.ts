import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ConfigDir } from './config-dir.ts';

let dir: ConfigDir;
beforeAll(() => {
  dir = new ConfigDir();
});
afterAll(() => dir.remove());

const OWN = '[interface]\nprivate_key_file = "own.key"\n';
const NETWORK = (name: string, vni: number) => `[[network]]\nname = "${name}"\nvni = ${vni}\nmode = "l2"\n`;
const L2 = `${OWN}mode = "l2"\n`;
const UNIX = (name: string, more: string) =>
  `[[port]]\ntype = "unix"\nname = "${name}"\npath = "/run/${name}.sock"\n${more}`;
const DEVICE = (name: string, device: string) =>
  `[[port]]\ntype = "interface"\nname = "${name}"\ndevice = "${device}"\n`;
const IN = (port: string) => port.replace('[[port]]', '[[network.port]]');

/** Text of a config, and the start of the one line that says what is wrong. */
const BAD: readonly (readonly [what: string, text: string, line: string])[] = [
  [
    'a port without type',
    `${L2}[[port]]\nname = "a"\npath = "/run/a"\n`,
    `icx0.toml:4: type is missing; expected "unix", "interface" or "vxlan"`,
  ],
  [
    'an unknown type',
    `${L2}[[port]]\ntype = "tap"\nname = "a"\n`,
    `icx0.toml:5: cannot use type = "tap"; expected "unix", "interface" or "vxlan"`,
  ],
  [
    'an unknown key of a port',
    `${L2}${UNIX('a', '')}adress = []\n`,
    `icx0.toml:8: unknown key "adress"; did you mean address?`,
  ],
  [
    'a key of another type',
    `${L2}${DEVICE('a', 'veth0')}path = "/run/a"\n`,
    `icx0.toml:8: unknown key "path"; known are type, name, device, max_stations`,
  ],
  [
    'a port without name',
    `${L2}[[port]]\ntype = "interface"\ndevice = "veth0"\n`,
    `icx0.toml:4: name is missing; expected a name of 1 to 63 characters`,
  ],
  [
    'a name with a space',
    `${L2}${UNIX('a b', '').replace('/run/a b', '/run/a')}`,
    `icx0.toml:6: name: "a b" can't name a port; use 1 to 63 characters without spaces`,
  ],
  [
    'two ports of one name',
    `${L2}${UNIX('a', '')}${DEVICE('a', 'veth0')}`,
    `icx0.toml:10: there are two ports named "a"; rename one`,
  ],
  [
    'a unix port without path',
    `${L2}[[port]]\ntype = "unix"\nname = "a"\n`,
    `icx0.toml:4: path is missing; expected the path of a socket`,
  ],
  [
    'a path that is too long',
    `${L2}${UNIX('a', `remote = "/${'r'.repeat(107)}"\n`)}`,
    `icx0.toml:8: socket /${'r'.repeat(107)} is 108 bytes long; the path of a socket has at most 107`,
  ],
  [
    'a mode as a number',
    `${L2}${UNIX('a', 'mode = 660\n')}`,
    `icx0.toml:8: cannot use mode = 660; expected octal digits as text, like "0660"`,
  ],
  [
    'a mode that is not octal',
    `${L2}${UNIX('a', 'mode = "0888"\n')}`,
    `icx0.toml:8: mode: "0888" is not a file mode; write it in octal, like "0660"`,
  ],
  [
    'no stations',
    `${L2}${UNIX('a', 'max_stations = 0\n')}`,
    `icx0.toml:8: cannot use max_stations = 0; expected a whole number from 1 to 1048576`,
  ],
  [
    'a device that is none',
    `${L2}${DEVICE('a', 'veth 0')}`,
    `icx0.toml:7: device: "veth 0" can't name an interface; use 1 to 15 of the characters a-z, A-Z, 0-9, _ = + . -`,
  ],
  [
    'a path of two ports',
    `${L2}${UNIX('a', '')}${UNIX('b', '').replace('/run/b', '/run/./a')}`,
    `icx0.toml:11: path /run/a.sock is the path of port a too; each socket needs a path of its own`,
  ],
  [
    'a remote that is the port’s own path',
    `${L2}${UNIX('a', 'remote = "/run/a.sock"\n')}`,
    `icx0.toml:8: remote /run/a.sock is the path of port a too; each socket needs a path of its own`,
  ],
  [
    'a remote of two ports, in two networks',
    `${OWN}${NETWORK('red', 1)}${IN(UNIX('a', 'remote = "/run/x"\n'))}${NETWORK('blue', 2)}${IN(UNIX('b', 'remote = "/run/x"\n'))}`,
    `icx0.toml:20: remote /run/x is the remote of port a too`,
  ],
  [
    'a device of two networks',
    `${OWN}${NETWORK('red', 1)}${IN(DEVICE('a', 'veth0'))}${NETWORK('blue', 2)}${IN(DEVICE('b', 'veth0'))}`,
    `icx0.toml:18: device veth0 is the device of port a already; name another interface of this host`,
  ],
  [
    'our own interface as device',
    `${L2}${DEVICE('a', 'icx0')}`,
    `icx0.toml:7: device icx0 is the interface of network icx0; name another interface of this host`,
  ],
  [
    'an interface port in l3',
    `${OWN}${DEVICE('a', 'veth0')}`,
    `icx0.toml:4: an l3 network cannot have interface ports; set mode = "l2", or use a unix port`,
  ],
  [
    'a vxlan port in l3',
    `${OWN}[[port]]\ntype = "vxlan"\nname = "a"\nlearn_remotes = true\n`,
    `icx0.toml:4: an l3 network cannot have vxlan ports`,
  ],
  [
    'a guest of l3 without address',
    `${OWN}${UNIX('a', '')}`,
    `icx0.toml:3: port a has no address; write the inner addresses of its guest, like address = ["10.77.0.9"]`,
  ],
  [
    'a guest of l3 with no address in its list',
    `${OWN}${UNIX('a', 'address = []\n')}`,
    `icx0.toml:3: port a has no address`,
  ],
  [
    'only the address of a guest that is none',
    `${OWN}${UNIX('a', 'address = ["10.0.0.1/24"]\n')}`,
    `icx0.toml:7: address: 10.0.0.1/24 has host bits set; did you mean 10.0.0.0/24?`,
  ],
  [
    'max_stations in l3',
    `${OWN}${UNIX('a', 'address = ["10.0.0.9"]\nmax_stations = 1\n')}`,
    `icx0.toml:8: max_stations is of l2 networks; remove it`,
  ],
  [
    'a guest of l2 with an address',
    `${L2}${UNIX('a', 'address = ["10.0.0.9"]\n')}`,
    `icx0.toml:8: address is of guests of an l3 network; remove it: guests of an l2 network are found by their MAC`,
  ],
  [
    'a guest’s MTU above that of the network',
    `${L2}mtu = 1300\n${UNIX('a', 'mtu = 1301\n')}`,
    `icx0.toml:9: cannot use mtu = 1301: that of the network is 1300; expected at most 1300`,
  ],
  [
    'a guest’s MTU below that of IPv6',
    `${OWN}${UNIX('a', 'address = ["fd00::9"]\nmtu = 1279\n')}`,
    `icx0.toml:8: cannot use mtu = 1279 with address fd00::9/128; IPv6 needs at least 1280`,
  ],
];

/** What is near to being wrong. */
const GOOD: readonly (readonly [what: string, text: string])[] = [
  ['a guest’s MTU that is that of the network', `${L2}mtu = 1300\n${UNIX('a', 'mtu = 1300\n')}`],
  [
    'a name of ports in two networks',
    `${OWN}${NETWORK('red', 1)}${IN(DEVICE('a', 'veth0'))}${NETWORK('blue', 2)}${IN(DEVICE('a', 'veth1'))}`,
  ],
  [
    'a device named as a network that has no interface',
    `${OWN}${NETWORK('red', 1)}interface = false\n${IN(DEVICE('a', 'red'))}`,
  ],
];

describe('checkPorts()', () => {
  test.each(BAD)('refuses %s', (_, text, line) => {
    const found = dir.problems(text);
    expect(found).toEqual([expect.stringContaining(line)]);
    expect(found[0]?.indexOf(line)).toBe(0);
  });

  test.each(GOOD)('takes %s', (_, text) => {
    expect(dir.problems(text)).toEqual([]);
  });
});
