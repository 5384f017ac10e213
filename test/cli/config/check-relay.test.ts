import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ConfigDir, publicKeyText } from './config-dir.ts';

let dir: ConfigDir;
beforeAll(() => {
  dir = new ConfigDir();
});
afterAll(() => dir.remove());

const OWN = '[interface]\nprivate_key_file = "own.key"\n';
const PEER = (name: string, byte: number, more = '') =>
  `[[peer]]\nname = "${name}"\npublic_key = "${publicKeyText(byte)}"\n${more}`;
const NETWORK = (name: string, vni: number, more = '') =>
  `[[network]]\nname = "${name}"\nvni = ${vni}\n${more}`;
/** A relay whose first key is in line 4. */
const L3 = (keys: string, more = '') => `${OWN}[relay]\n${keys}\n${more}`;
const L2 = (keys: string, more = '') => `${OWN}mode = "l2"\n[relay]\n${keys}\n${more}`;
const UNIX = '[[port]]\ntype = "unix"\nname = "vm"\npath = "/run/vm.sock"\n';
const NEIGHBOUR = '[[neighbour]]\nip = "10.0.0.9"\nmac = "02:00:00:00:00:09"\n';
const EXIT = 'exit = "udp"\n';

/** Text of a config, and the start of the one line that says what is wrong. */
const BAD: readonly (readonly [what: string, text: string, line: string])[] = [
  [
    'an unknown key',
    L3('max_session = 1'),
    'icx0.toml:4: unknown key "max_session"; did you mean max_sessions?',
  ],
  [
    'a timeout that is too short',
    L3('idle_timeout = "999ms"'),
    'icx0.toml:4: idle_timeout: "999ms" is out of range; expected "1s" to "24h"',
  ],
  [
    'no sessions',
    L3('max_sessions = 0'),
    'icx0.toml:4: cannot use max_sessions = 0; expected a whole number from 1 to 65536',
  ],
  [
    'more sessions than there are ports',
    L3('max_sessions = 65537'),
    'icx0.toml:4: cannot use max_sessions = 65537; expected a whole number from 1 to 65536',
  ],
  [
    'more sessions for a guest than for all',
    L3('max_sessions = 9\nmax_sessions_per_guest = 10'),
    'icx0.toml:5: max_sessions_per_guest = 10 is more than max_sessions = 9; lower it, or raise the other',
  ],
  [
    'a prefix with host bits',
    L3('deny = ["10.0.0.0/8",\n"10.0.0.1/8"]'),
    'icx0.toml:5: deny: 10.0.0.1/8 has host bits set; did you mean 10.0.0.0/8?',
  ],
  ['a prefix that is none', L3('allow = ["lan"]'), "icx0.toml:4: allow: 'lan' is no prefix;"],
  [
    'a prefix in both lists',
    L3('deny = ["fd00::/8"]\nallow = ["10.0.0.0/8",\n"FD00:0::/8"]'),
    'icx0.toml:6: fd00::/8 is in allow and in deny; remove one',
  ],
  [
    'an address with a length',
    L3('address = ["10.0.0.254/24"]'),
    'icx0.toml:4: address: "10.0.0.254/24" is not an IPv4 or IPv6 address',
  ],
  [
    'a second address of a family',
    L3('address = ["10.0.0.1", "fd00::1",\n"10.0.0.2"]'),
    'icx0.toml:5: address 10.0.0.2 is the second IPv4 address after 10.0.0.1; remove one',
  ],
  [
    'a second IPv6 address',
    L3('address = ["fd00::1",\n"fd00::2"]'),
    'icx0.toml:5: address fd00::2 is the second IPv6 address after fd00::1; remove one',
  ],
  [
    'the address of the interface',
    `${OWN}address = ["10.0.0.1/24"]\n[relay]\naddress = ["10.0.0.1"]\n`,
    'icx0.toml:5: address 10.0.0.1 is that of the interface too; the relay needs an address of its own',
  ],
  [
    'the address of a peer',
    L3('address = ["fd00::2"]', PEER('b', 2, 'allowed_ips = ["10.0.0.2", "fd00::2"]\n')),
    'icx0.toml:4: address fd00::2 is in the allowed_ips of peer b too;',
  ],
  [
    'the address of a port',
    L3('address = ["10.0.0.9"]', `${UNIX}address = ["10.0.0.9"]\n`),
    'icx0.toml:4: address 10.0.0.9 is that of port vm too;',
  ],
  [
    'the address of a neighbour',
    L2('address = ["10.0.0.9"]', NEIGHBOUR),
    'icx0.toml:5: address 10.0.0.9 is a neighbour too;',
  ],
  [
    'an l2 network without address',
    L2('max_sessions = 5'),
    'icx0.toml:4: the relay of an l2 network needs an address; write the gateway',
  ],
  [
    'a resolver by name',
    L3('address = ["10.0.0.254"]\nresolver = "dns"'),
    'icx0.toml:5: resolver: "dns" is not',
  ],
  [
    'a resolver without address',
    L3('resolver = "192.0.2.53"'),
    'icx0.toml:4: resolver needs an address of the relay; write it,',
  ],
  [
    'itself as resolver',
    L3('address = ["10.0.0.254"]\nresolver = "10.0.0.254"'),
    'icx0.toml:5: resolver 10.0.0.254 is the relay itself; name a DNS server that this host reaches',
  ],
  [
    'a resolver that is denied',
    L3('address = ["10.0.0.254"]\nresolver = "192.0.2.53"\ndeny = ["10.0.0.0/8", "192.0.2.0/26"]'),
    'icx0.toml:5: resolver 192.0.2.53 is in deny 192.0.2.0/26; name another, or take it out of deny',
  ],
];

/** As `BAD`, of exits. */
const NO_EXIT: readonly (readonly [what: string, text: string, line: string])[] = [
  [
    'an exit without relay',
    `${OWN}${PEER('b', 2, EXIT)}`,
    'icx0.toml:6: exit = "udp" of peer b needs a relay; add a [relay] section',
  ],
  [
    'an exit without relay in any network',
    `${OWN}${PEER('b', 2, EXIT)}${NETWORK('red', 1)}`,
    'icx0.toml:6: exit = "udp" of peer b needs a relay; add a [network.relay] section',
  ],
  [
    'an exit whose relay is in another network',
    `${OWN}${PEER('b', 2, EXIT)}${PEER('c', 3)}${NETWORK('red', 1)}${NETWORK('blue', 2)}[network.relay]\n[[network.peer]]\nname = "c"\n`,
    'icx0.toml:6: exit = "udp" of peer b needs a relay; add a [network.relay] section',
  ],
  [
    'an exit for TCP',
    L3('', PEER('b', 2, 'exit = "tcp"\n')),
    'icx0.toml:8: cannot use exit = "tcp"; expected "udp"',
  ],
];

/** What is near to being wrong. */
const GOOD: readonly (readonly [what: string, text: string])[] = [
  ['a relay with an exit', L3('', PEER('b', 2, EXIT))],
  ['an exit of a relay that is switched off', L3('enabled = false', PEER('b', 2, EXIT))],
  [
    'an exit by one network of two',
    `${OWN}${PEER('b', 2, EXIT)}${NETWORK('red', 1)}${NETWORK('blue', 2)}[network.relay]\n`,
  ],
  ['an address of each family', L3('address = ["10.0.0.254", "fd00::fe"]')],
  [
    'an address inside what is behind a peer',
    L3('address = ["10.0.0.254"]', PEER('b', 2, 'allowed_ips = ["10.0.0.0/24"]\n')),
  ],
  [
    'one address in two networks',
    ['red', 'blue'].reduce(
      (text, name, i) => `${text}${NETWORK(name, i + 1, '[network.relay]\naddress = ["10.0.0.254"]\n')}`,
      OWN,
    ),
  ],
  ['a gateway in l2', L2('address = ["10.0.0.254"]', NEIGHBOUR)],
  ['as many sessions for a guest as for all', L3('max_sessions = 9\nmax_sessions_per_guest = 9')],
  ['all sessions there can be', L3('max_sessions = 65536')],
  ['a resolver of this host', L3('address = ["10.0.0.254"]\nresolver = "127.0.0.53"\ndeny = ["::/0"]')],
  ['an exception inside what is denied', L3('deny = ["10.0.0.0/9"]\nallow = ["10.0.0.0/8"]')],
  [
    'a relay instead of interface and port',
    `${OWN}${NETWORK('red', 1, 'interface = false\n[network.relay]\n')}`,
  ],
];

describe('checkRelay()', () => {
  test.each(BAD)('refuses %s', (_, text, line) => {
    const found = dir.problems(text);
    expect(found).toEqual([expect.stringContaining(line)]);
    expect(found[0]?.indexOf(line)).toBe(0);
  });

  test.each(GOOD)('takes %s', (_, text) => {
    expect(dir.problems(text)).toEqual([]);
  });
});

describe('checkExits()', () => {
  test.each(NO_EXIT)('refuses %s', (_, text, line) => {
    const found = dir.problems(text);
    expect(found).toEqual([expect.stringContaining(line)]);
    expect(found[0]?.indexOf(line)).toBe(0);
  });
});
