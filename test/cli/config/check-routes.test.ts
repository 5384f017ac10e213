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
const PEERS = `${PEER('b', 2)}${PEER('c', 3)}`;
const NETWORK = (name: string, vni: number) => `[[network]]\nname = "${name}"\nvni = ${vni}\n`;
const MEMBER = (name: string, ips: string) => `[[network.peer]]\nname = "${name}"\nallowed_ips = [${ips}]\n`;
const GUEST = (name: string, ips: string) =>
  `[[port]]\ntype = "unix"\nname = "${name}"\npath = "/run/${name}.sock"\naddress = [${ips}]\n`;

/** Text of a config, and the start of the one line that says what is wrong. */
const BAD: readonly (readonly [what: string, text: string, line: string])[] = [
  [
    'a prefix of two members',
    `${OWN}${PEERS}${NETWORK('red', 1)}${MEMBER('b', '"10.0.0.0/8"')}${MEMBER('c', '"10.0.0.0/8"')}`,
    `icx0.toml:17: allowed_ips 10.0.0.0/8 (local_ips 0.0.0.0/0) belongs to peer b too`,
  ],
  [
    'a prefix twice',
    `${OWN}${PEERS}${NETWORK('red', 1)}${MEMBER('b', '"fd00::/8",\n"fd00::/8"')}`,
    `icx0.toml:15: allowed_ips fd00::/8 (local_ips ::/0) stands here twice; remove one`,
  ],
  [
    'a guest with a prefix of a peer',
    `${OWN}${PEER('b', 2)}allowed_ips = ["10.0.0.9"]\n${GUEST('vm', '"10.0.0.9"')}`,
    `icx0.toml:11: address 10.0.0.9/32 is in the allowed_ips of peer b too; remove one`,
  ],
  [
    'guests of one address',
    `${OWN}${GUEST('vm1', '"10.0.0.9"')}${GUEST('vm2', '"10.0.0.8", "10.0.0.9"')}`,
    `icx0.toml:12: address 10.0.0.9/32 is an address of port vm1 too; remove one`,
  ],
  [
    'a kernel route to two networks',
    `${OWN}${PEERS}${NETWORK('red', 1)}${MEMBER('b', '"10.0.0.0/8"')}${NETWORK('blue', 2)}${MEMBER('c', '"fd00::/8", "10.0.0.0/8"')}`,
    `icx0.toml:20: allowed_ips 10.0.0.0/8 is routed to network red too; set routes = false in one of the two`,
  ],
];

/** What is near to being wrong. */
const GOOD: readonly (readonly [what: string, text: string])[] = [
  [
    'a prefix in two networks, one of which makes no routes',
    `${OWN}${PEERS}${NETWORK('red', 1)}${MEMBER('b', '"10.0.0.0/8"')}${NETWORK('blue', 2)}routes = false\n${MEMBER('c', '"10.0.0.0/8"')}`,
  ],
  [
    'a prefix in two networks, one of which has no interface',
    `${OWN}${PEERS}${NETWORK('red', 1)}${MEMBER('b', '"10.0.0.0/8"')}${NETWORK('blue', 2)}interface = false\n${MEMBER('c', '"10.0.0.0/8"')}${GUEST('vm', '"10.1.0.1"').replace('port', 'network.port')}`,
  ],
  [
    'a guest within a prefix of a peer',
    `${OWN}${PEER('b', 2)}allowed_ips = ["10.0.0.0/8"]\n${GUEST('vm', '"10.0.0.9"')}`,
  ],
];

describe('checkRoutes()', () => {
  test.each(BAD)('refuses %s', (_, text, line) => {
    const found = dir.problems(text);
    expect(found).toEqual([expect.stringContaining(line)]);
    expect(found[0]?.indexOf(line)).toBe(0);
  });

  test.each(GOOD)('takes %s', (_, text) => {
    expect(dir.problems(text)).toEqual([]);
  });
});
