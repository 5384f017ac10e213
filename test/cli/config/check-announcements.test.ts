import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadConfig } from '../../../cli/config/load.ts';
import { ConfigDir, publicKeyText } from './config-dir.ts';

let dir: ConfigDir;
beforeAll(() => {
  dir = new ConfigDir();
});
afterAll(() => dir.remove());

const OWN = '[interface]\nprivate_key_file = "own.key"\n';
const PEER = (name: string, byte: number, keys = '') =>
  `[[peer]]\nname = "${name}"\npublic_key = "${publicKeyText(byte)}"\n${keys}`;
const RED = '[[network]]\nname = "red"\nvni = 5\n';
const MANY = Array.from({ length: 4_097 }, (_, n) => `"10.${n >> 8}.${n & 255}.0/24"`).join(', ');
const EXPECTED = 'expected a list of at most 4096 like ["10.88.1.0/24", "fd88:1::/64"]';

const BAD: readonly (readonly [what: string, text: string, lines: readonly string[]])[] = [
  [
    'what another has',
    `${OWN}announce = ["10.88.1.0/24", "10.88.2.0/24"]\n${PEER('b', 2, 'allowed_ips = ["10.88.2.0/24"]\n')}`,
    [
      'icx0.toml:3: announce 10.88.2.0/24 is in the allowed_ips of peer b; packets have one way only: remove it from one of the two',
    ],
  ],
  [
    'the same twice, however it is written',
    `${OWN}announce = ["fd88::/64", "FD88:0::/64"]\n`,
    ['icx0.toml:3: announce fd88::/64 stands here twice; remove one'],
  ],
  [
    'anything in an l2 network',
    `${OWN}mode = "l2"\nannounce = ["10.88.1.0/24"]\n${PEER('b', 2, 'accept_routes = ["10.88.0.0/16"]\n')}`,
    [
      'icx0.toml:4: announce cannot hold in an l2 network; remove it: an l2 network forwards by MAC and has no routes',
      'icx0.toml:8: accept_routes cannot hold in an l2 network; remove it: an l2 network forwards by MAC and has no routes',
    ],
  ],
  [
    'anything in an l2 network among several',
    `${OWN}${PEER('b', 2)}${RED}mode = "l2"\nannounce = []\n[[network.peer]]\nname = "b"\naccept_routes = []\n`,
    [
      'icx0.toml:10: announce cannot hold in an l2 network; remove it: an l2 network forwards by MAC and has no routes',
      'icx0.toml:13: accept_routes cannot hold in an l2 network; remove it: an l2 network forwards by MAC and has no routes',
    ],
  ],
  [
    'a prefix with host bits',
    `${OWN}announce = ["10.88.1.1/24"]\n${PEER('b', 2, 'accept_routes = ["10.88.0.1/16"]\n')}`,
    [
      'icx0.toml:3: announce: 10.88.1.1/24 has host bits set; did you mean 10.88.1.0/24?',
      'icx0.toml:7: accept_routes: 10.88.0.1/16 has host bits set; did you mean 10.88.0.0/16?',
    ],
  ],
  [
    'both beside [[network]]',
    `${OWN}announce = []\n${PEER('b', 2, 'accept_routes = []\n')}${RED}`,
    [
      'icx0.toml:3: announce is of one network; move it into [[network]]',
      'icx0.toml:7: accept_routes is of one network; move it into [[network.peer]]',
    ],
  ],
  [
    'IPv6 where the MTU is too small for it',
    `${OWN}mtu = 1200\n${PEER('b', 2, 'accept_routes = ["fd88::/48"]\n')}`,
    ['icx0.toml:3: cannot use mtu = 1200 with accept_routes fd88::/48; IPv6 needs at least 1280'],
  ],
];

describe('loadConfig() refuses in announcements', () => {
  test.each(BAD)('%s', (_, text, lines) => {
    expect(dir.problems(text)).toEqual(lines);
  });

  test('more than a peer would take', () => {
    const [problem = '', ...others] = dir.problems(`${OWN}announce = [${MANY}]\n`);
    expect(others).toEqual([]);
    expect(problem).toMatch(/^icx0\.toml:3: cannot use announce/);
    expect(problem).toContain(EXPECTED);
  });
});

describe('loadConfig()', () => {
  function load(text: string) {
    return loadConfig(dir.write('icx0.toml', text));
  }

  test('announces and accepts nothing where nothing is said', () => {
    const { networks, peers } = load(`${OWN}${PEER('b', 2)}`);
    expect([networks[0]?.announce, peers[0]?.acceptRoutes]).toEqual([[], []]);
    expect(load(`${OWN}${PEER('b', 2)}${RED}`).networks[0]).toMatchObject({
      announce: [],
      peers: [{ acceptRoutes: [] }],
    });
  });

  test('reads announcements of the only network and of several, in their canonical form', () => {
    const accept = 'accept_routes = ["10.88.0.0/16", "FD88::/48"]\n';
    const announce = 'announce = ["10.89.1.0/24", "10.89.2.3"]\n';
    const expected = {
      announce: ['10.89.1.0/24', '10.89.2.3/32'],
      peers: [{ acceptRoutes: ['10.88.0.0/16', 'fd88::/48'] }],
    };
    expect(load(`${OWN}${announce}${PEER('b', 2, accept)}`).networks).toMatchObject([expected]);
    const member = `[[network.peer]]\nname = "b"\n${accept}`;
    expect(load(`${OWN}${PEER('b', 2)}${RED}${announce}${member}`).networks).toMatchObject([expected]);
  });

  test('lets a host announce part of what a gateway has', () => {
    const gateway = PEER('gw', 2, 'allowed_ips = ["0.0.0.0/0"]\n');
    expect(dir.problems(`${OWN}announce = ["10.88.1.0/24"]\n${gateway}`)).toEqual([]);
  });
});
