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

/** Text of a config, and the start of the one line that says what is wrong. */
const BAD: readonly (readonly [what: string, text: string, line: string])[] = [
  [
    'address in [interface] beside [[network]]',
    `${OWN}address = ["10.0.0.1/24"]\n${NETWORK('red', 1)}`,
    `icx0.toml:3: address is of one network; move it into [[network]]`,
  ],
  [
    'vni in [interface] beside [[network]]',
    `${OWN}vni = 7\n${NETWORK('red', 1)}`,
    `icx0.toml:3: vni is of one network; move it into [[network]]`,
  ],
  [
    'mode in [interface] beside [[network]]',
    `${OWN}mode = "l2"\n${NETWORK('red', 1)}`,
    `icx0.toml:3: mode is of one network; move it into [[network]]`,
  ],
  [
    'mtu in [interface] beside [[network]]',
    `${OWN}mtu = 1400\n${NETWORK('red', 1)}`,
    `icx0.toml:3: mtu is of one network; move it into [[network]]`,
  ],
  [
    'routes in [interface] beside [[network]]',
    `${OWN}routes = true\n${NETWORK('red', 1)}`,
    `icx0.toml:3: routes is of one network; move it into [[network]]`,
  ],
  [
    'allowed_ips in [[peer]] beside [[network]]',
    `${OWN}${PEER('b', 2)}allowed_ips = ["10.0.0.0/8"]\n${NETWORK('red', 1)}`,
    `icx0.toml:6: allowed_ips is of one network; move it into [[network.peer]]`,
  ],
  [
    'local_ips in [[peer]] beside [[network]]',
    `${OWN}${PEER('b', 2)}local_ips = ["10.0.0.0/8"]\n${NETWORK('red', 1)}`,
    `icx0.toml:6: local_ips is of one network; move it into [[network.peer]]`,
  ],
  [
    '[[port]] beside [[network]]',
    `${OWN}[[port]]\ntype = "interface"\nname = "a"\ndevice = "veth0"\n${NETWORK('red', 1)}mode = "l2"\n`,
    `icx0.toml:3: [[port]] is of one network; move it into [[network.port]]`,
  ],
  [
    '[switch] beside [[network]]',
    `${OWN}[switch]\n${NETWORK('red', 1)}`,
    `icx0.toml:3: [switch] is of one network; move it into [network.switch]`,
  ],
  [
    '[relay] beside [[network]]',
    `${OWN}[relay]\n${NETWORK('red', 1)}`,
    `icx0.toml:3: [relay] is of one network; move it into [network.relay]`,
  ],
  [
    '[[relay]] for [relay]',
    `${OWN}[[relay]]\n`,
    `icx0.toml:3: cannot use relay like this; start it with [relay]`,
  ],
  [
    '[[neighbour]] beside [[network]]',
    `${OWN}[[neighbour]]\nip = "10.0.0.9"\nmac = "02:00:00:00:00:01"\n${NETWORK('red', 1)}`,
    `icx0.toml:3: [[neighbour]] is of one network; move it into [[network.neighbour]]`,
  ],
  [
    '[[station]] beside [[network]]',
    `${OWN}[[station]]\nmac = "02:00:00:00:00:01"\npeer = "b"\n${NETWORK('red', 1)}`,
    `icx0.toml:3: [[station]] is of one network; move it into [[network.station]]`,
  ],
  [
    '[network] for [[network]]',
    `${OWN}[network]\n`,
    `icx0.toml:3: cannot use network like this; start it with [[network]]`,
  ],
  ['[port] for [[port]]', `${OWN}[port]\n`, `icx0.toml:3: cannot use port like this; start it with [[port]]`],
  [
    '[[switch]] for [switch]',
    `${OWN}mode = "l2"\n[[switch]]\n`,
    `icx0.toml:4: cannot use switch like this; start it with [switch]`,
  ],
  [
    '[network.port] for [[network.port]]',
    `${OWN}${NETWORK('red', 1)}[network.port]\n`,
    `icx0.toml:6: cannot use network.port like this; start it with [[network.port]]`,
  ],
  [
    '[network.peer] for [[network.peer]]',
    `${OWN}${NETWORK('red', 1)}[network.peer]\n`,
    `icx0.toml:6: cannot use network.peer like this; start it with [[network.peer]]`,
  ],
  [
    '[[network.switch]] for [network.switch]',
    `${OWN}${NETWORK('red', 1)}mode = "l2"\n[[network.switch]]\n`,
    `icx0.toml:7: cannot use network.switch like this; start it with [network.switch]`,
  ],
  ['an empty list of networks', `network = []\n${OWN}`, `icx0.toml:1: network is an empty list`],
  [
    'a section that is nearly right',
    `${OWN}[[neighbor]]\n`,
    `icx0.toml:3: unknown section "neighbor"; did you mean neighbour?`,
  ],
  [
    'an unknown key of a network',
    `${OWN}${NETWORK('red', 1)}adress = []\n`,
    `icx0.toml:6: unknown key "adress"; did you mean address?`,
  ],
  [
    'no [interface] beside [[network]]',
    `${NETWORK('red', 1)}`,
    `icx0.toml:1: there is no [interface] section; it holds at least private_key_file`,
  ],
];

/** What is near to being wrong. */
const GOOD: readonly (readonly [what: string, text: string])[] = [
  ['a network', `${OWN}${NETWORK('red', 1)}`],
  [
    'tables of a network',
    `${OWN}${NETWORK('red', 1)}mode = "l2"\n[network.switch]\n[[network.peer]]\nname = "b"\n${PEER('b', 2)}`,
  ],
];

describe('checkSections()', () => {
  test.each(BAD)('refuses %s', (_, text, line) => {
    const found = dir.problems(text);
    expect(found).toEqual([expect.stringContaining(line)]);
    expect(found[0]?.indexOf(line)).toBe(0);
  });

  test.each(GOOD)('takes %s', (_, text) => {
    expect(dir.problems(text)).toEqual([]);
  });
});
