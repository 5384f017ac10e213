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
const VXLAN = (name: string, more: string) => `[[port]]\ntype = "vxlan"\nname = "${name}"\n${more}`;
const IN = (name: string, more: string) => VXLAN(name, more).replace('[[port]]', '[[network.port]]');

/** Text of a config, and the start of the one line that says what is wrong. */
const BAD: readonly (readonly [what: string, text: string, line: string])[] = [
  [
    'a port that reaches nobody',
    `${L2}${VXLAN('a', '')}`,
    `icx0.toml:4: port a reaches nobody; set remotes or group, or learn_remotes = true`,
  ],
  [
    'a port that learns from nobody',
    `${L2}${VXLAN('a', 'remotes = []\nlearn_remotes = false\n')}`,
    `icx0.toml:4: port a reaches nobody`,
  ],
  [
    'a remote that is a name',
    `${L2}${VXLAN('a', 'remotes = ["vtep"]\n')}`,
    `icx0.toml:7: remotes: "vtep" is not an IPv4 or IPv6 address`,
  ],
  [
    'a remote that is a group',
    `${L2}${VXLAN('a', 'remotes = ["239.1.1.1"]\n')}`,
    `icx0.toml:7: remotes: 239.1.1.1 is a multicast address`,
  ],
  [
    'a group that is none',
    `${L2}${VXLAN('a', 'group = "192.0.2.9"\n')}`,
    `icx0.toml:7: group: 192.0.2.9 is not a multicast address; write one like "239.1.1.1", or use remotes`,
  ],
  [
    'a group to listen on',
    `${L2}${VXLAN('a', 'learn_remotes = true\nlisten = "239.1.1.1"\n')}`,
    `icx0.toml:8: listen: cannot listen on multicast address 239.1.1.1; use group`,
  ],
  [
    'a TTL of 0',
    `${L2}${VXLAN('a', 'learn_remotes = true\nttl = 0\n')}`,
    `icx0.toml:8: cannot use ttl = 0; expected a whole number from 1 to 255`,
  ],
  [
    'a VNI of 0',
    `${L2}${VXLAN('a', 'learn_remotes = true\nvni = 0\n')}`,
    `icx0.toml:8: cannot use vni = 0; expected`,
  ],
  [
    'a remote of the other family',
    `${L2}${VXLAN('a', 'remotes = ["192.0.2.9", "fd00::2"]\n')}`,
    `icx0.toml:7: cannot reach fd00::2 from listen = "0.0.0.0"; set listen = "::" or another IPv6 address`,
  ],
  [
    'a group of the other family',
    `${L2}${VXLAN('a', 'listen = "::"\ngroup = "239.1.1.1"\n')}`,
    `icx0.toml:8: cannot reach 239.1.1.1 from listen = "::"; set an IPv4 address to listen on`,
  ],
  [
    'a remote twice',
    `${L2}${VXLAN('a', 'remotes = ["192.0.2.9",\n"192.0.2.9"]\n')}`,
    `icx0.toml:8: remote 192.0.2.9 stands here twice; remove one`,
  ],
  [
    'a group of one link without its interface',
    `${L2}${VXLAN('a', 'listen = "::"\ngroup = "ff02::9"\n')}`,
    `icx0.toml:8: group ff02::9 is on one link only; name the interface that it is on, like device = "eth0"`,
  ],
  [
    'the agent’s data port',
    `${L2}${VXLAN('a', 'learn_remotes = true\nlisten_port = 6081\n')}`,
    `icx0.toml:8: listen_port 6081 is the agent's listen_port; VXLAN has 4789 by default`,
  ],
  [
    'the agent’s control port',
    `${L2}control_port = 4789\n${VXLAN('a', 'learn_remotes = true\n')}`,
    `icx0.toml:5: listen_port 4789 is the agent's control_port`,
  ],
  [
    'two ports of one address, port and VNI',
    `${L2}${VXLAN('a', 'learn_remotes = true\n')}${VXLAN('b', 'learn_remotes = true\n')}`,
    `icx0.toml:8: vni 1 on 0.0.0.0:4789 is that of port a too; give each VXLAN port a vni, an address or a listen_port of its own`,
  ],
  [
    'the same in two networks',
    `${OWN}${NETWORK('red', 1)}${IN('a', 'vni = 5\nlearn_remotes = true\n')}${NETWORK('blue', 5)}${IN('b', 'learn_remotes = true\n')}`,
    `icx0.toml:16: vni 5 on 0.0.0.0:4789 is that of port a too; give each VXLAN port a vni, an address or a listen_port of its own`,
  ],
  [
    'an address besides every address',
    `${L2}${VXLAN('a', 'learn_remotes = true\n')}${VXLAN('b', 'listen = "192.0.2.1"\nlearn_remotes = true\n')}`,
    `icx0.toml:8: vni 1 on 192.0.2.1:4789 is that of port a too; give each VXLAN port a vni, an address or a listen_port of its own`,
  ],
];

/** What is near to being wrong. */
const GOOD: readonly (readonly [what: string, text: string])[] = [
  ['a group of a site without interface', `${L2}${VXLAN('a', 'listen = "::"\ngroup = "ff05::9"\n')}`],
  [
    'a group of one link with its interface',
    `${L2}${VXLAN('a', 'listen = "::"\ngroup = "ff12::9"\ndevice = "eth0"\n')}`,
  ],
  [
    'ports of two VNIs',
    `${L2}${VXLAN('a', 'vni = 5\nlearn_remotes = true\n')}${VXLAN('b', 'vni = 6\nlearn_remotes = true\n')}`,
  ],
  [
    'ports of two ports',
    `${L2}${VXLAN('a', 'learn_remotes = true\n')}${VXLAN('b', 'listen_port = 8472\nlearn_remotes = true\n')}`,
  ],
  [
    'ports of two addresses',
    `${L2}${VXLAN('a', 'listen = "192.0.2.1"\nlearn_remotes = true\n')}${VXLAN('b', 'listen = "192.0.2.2"\nlearn_remotes = true\n')}`,
  ],
  [
    'ports of two families',
    `${L2}${VXLAN('a', 'learn_remotes = true\n')}${VXLAN('b', 'listen = "::"\nlearn_remotes = true\n')}`,
  ],
];

describe('checkVxlan()', () => {
  test.each(BAD)('refuses %s', (_, text, line) => {
    const found = dir.problems(text);
    expect(found).toEqual([expect.stringContaining(line)]);
    expect(found[0]?.indexOf(line)).toBe(0);
  });

  test.each(GOOD)('takes %s', (_, text) => {
    expect(dir.problems(text)).toEqual([]);
  });
});
