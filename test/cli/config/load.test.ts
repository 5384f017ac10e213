import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadConfig } from '../../../cli/config/load.ts';
import { decodeKey } from '../../../controlplane/key-text.ts';
import { ConfigDir, publicKeyText, seedText } from './config-dir.ts';

let dir: ConfigDir;
beforeAll(() => {
  dir = new ConfigDir();
});
afterAll(() => dir.remove());

const OWN = '[interface]\nprivate_key_file = "own.key"\n';
const B = publicKeyText(2);
const C = publicKeyText(3);

const problems = (...args: Parameters<ConfigDir['problems']>) => dir.problems(...args);

describe('loadConfig() of a full config', () => {
  test('gives every value', () => {
    dir.write('b.psk', seedText(7), 0o600);
    const file = dir.write(
      'full.toml',
      `[interface]
name = "wan"
private_key_file = "own.key"
address = ["10.77.0.1/24", "FD77:0::1/64", "10.78.0.1"]
vni = 16777215
listen = "::"
listen_port = 7001
control_port = 7002
mtu = 1400
queues = 2
control_transport = "webtransport"
suite = "aes-256-gcm"
rekey_interval = "1h30m"
routes = false
post_up = ["echo %i"]
[metrics]
listen = "[::1]:9000"
[log]
level = "debug"
[[peer]]
name = "host-b"
public_key = "${B}"
preshared_key_file = "b.psk"
endpoint = "[2001:db8::2]:7003"
control_port = 7004
allowed_ips = ["10.77.0.2", "fd77:0::2/128"]
local_ips = ["10.77.0.1/32"]
keepalive = "25s"
rx_rate_limit = 1000
validate_source = true
hybrid = false
`,
    );
    const config = loadConfig(file);
    expect(config).toEqual({
      file,
      interface: {
        name: 'wan',
        seed: new Uint8Array(32).fill(1),
        publicKey: decodeKey(publicKeyText(1)),
        addresses: ['10.77.0.1/24', 'fd77::1/64', '10.78.0.1/32'],
        vni: 16_777_215,
        listen: '::',
        listenPort: 7001,
        controlPort: 7002,
        mtu: 1400,
        queues: 2,
        controlTransport: 'webtransport',
        suite: 'aes-256-gcm',
        rekeyIntervalMs: 5_400_000,
        routes: false,
        preUp: [],
        postUp: ['echo %i'],
        preDown: [],
        postDown: [],
      },
      metrics: { host: '::1', port: 9000 },
      log: { level: 'debug' },
      peers: [
        {
          name: 'host-b',
          publicKey: decodeKey(B),
          presharedKey: new Uint8Array(32).fill(7),
          endpoint: { host: '2001:db8::2', port: 7003 },
          controlPort: 7004,
          allowedIps: ['10.77.0.2/32', 'fd77::2/128'],
          localIps: ['10.77.0.1/32'],
          acceptRoutes: [],
          keepaliveMs: 25_000,
          rxRateLimitPps: 1000,
          validateSource: true,
          hybrid: false,
          exit: null,
        },
      ],
      networks: config.networks,
    });
  });

  test('fills in the defaults', () => {
    const file = dir.write('mini.toml', `${OWN}[[peer]]\npublic_key = "${B}"\n`);
    const config = loadConfig(file);
    expect(config.interface).toMatchObject({
      name: 'mini',
      addresses: [],
      vni: 1,
      listen: '0.0.0.0',
      listenPort: 6081,
      controlPort: 6082,
      mtu: 'auto',
      queues: 'auto',
      controlTransport: 'quic',
      suite: 'aes-128-gcm',
      rekeyIntervalMs: 120_000,
      routes: true,
    });
    expect(config).toMatchObject({ metrics: { host: '127.0.0.1', port: 6083 }, log: { level: 'info' } });
    expect(config.peers[0]).toMatchObject({
      name: B.slice(0, 8),
      presharedKey: null,
      endpoint: null,
      controlPort: 6082,
      allowedIps: [],
      localIps: ['0.0.0.0/0', '::/0'],
      keepaliveMs: 0,
      rxRateLimitPps: 0,
      validateSource: false,
      hybrid: true,
    });
  });

  test('switches the metrics off', () => {
    const file = dir.write('off.toml', `${OWN}[metrics]\nlisten = false\n`);
    expect(loadConfig(file).metrics).toBeNull();
  });

  test('takes an inline private key from a file that only its owner may read', () => {
    const file = dir.write('inline.toml', `[interface]\nprivate_key = "${seedText(4)}"\n`, 0o600);
    expect(loadConfig(file).interface.seed).toEqual(new Uint8Array(32).fill(4));
  });
});

const ROUTE = (name: string, key: string, ips: string) =>
  `[[peer]]\nname = "${name}"\npublic_key = "${key}"\nallowed_ips = [${ips}]\n`;

/** Text of a config, and the start of the one line that says what is wrong. */
const BAD: readonly (readonly [what: string, text: string, line: string])[] = [
  ['a syntax error', `${OWN}vni = \n`, 'icx0.toml:3: is not valid TOML at column 6: unspecified values'],
  ['a missing value before another key', `${OWN}vni =\nmtu = 1400\n`, 'icx0.toml:3: is not valid TOML'],
  ['an unquoted address', `${OWN}listen = 10.0.0.1\n`, 'icx0.toml:3: is not valid TOML at column 14'],
  ['a key twice', `${OWN}vni = 1\nvni = 2\n`, 'icx0.toml:4: is not valid TOML at column 1: defining a key'],
  [
    'an unknown section',
    `${OWN}[intreface]\n`,
    'icx0.toml:3: unknown section "intreface"; did you mean interface?',
  ],
  ['an unknown key', `${OWN}adress = []\n`, 'icx0.toml:3: unknown key "adress"; did you mean address?'],
  [
    'an unknown key of a peer',
    `${OWN}[[peer]]\npublic_key = "${B}"\nallowed-ips = []\n`,
    'icx0.toml:5: unknown key "allowed-ips"; did you mean allowed_ips?',
  ],
  [
    'a key named as a member of Object',
    `${OWN}constructor = 1\n`,
    'icx0.toml:3: unknown key "constructor"; known are name,',
  ],
  ['[peer] for [[peer]]', `${OWN}[peer]\n`, 'icx0.toml:3: cannot use peer like this; start it with [[peer]]'],
  [
    '[[interface]] for [interface]',
    '[[interface]]\n',
    'icx0.toml:1: cannot use interface like this; start it with [interface]',
  ],
  [
    'text for a number',
    `${OWN}vni = "1"\n`,
    'icx0.toml:3: cannot use vni = "1"; expected a whole number from 1 to 16777215',
  ],
  ['a VNI of 0', `${OWN}vni = 0\n`, 'icx0.toml:3: cannot use vni = 0; expected'],
  ['a VNI that is too large', `${OWN}vni = 16777216\n`, 'icx0.toml:3: cannot use vni = 16777216; expected'],
  ['a fractional VNI', `${OWN}vni = 1.5\n`, 'icx0.toml:3: cannot use vni = 1.5; expected'],
  [
    'a number for text',
    `${OWN}listen = 1\n`,
    'icx0.toml:3: cannot use listen = 1; expected an IPv4 or IPv6 address',
  ],
  [
    'a listen address that is a name',
    `${OWN}listen = "localhost"\n`,
    'icx0.toml:3: listen: "localhost" is not an IPv4 or IPv6 address',
  ],
  [
    'port 0',
    `${OWN}listen_port = 0\n`,
    'icx0.toml:3: cannot use listen_port = 0; expected a port number from 1 to 65535',
  ],
  ['port 65536', `${OWN}control_port = 65536\n`, 'icx0.toml:3: cannot use control_port = 65536; expected'],
  ['equal ports', `${OWN}control_port = 6081\n`, 'icx0.toml:3: listen_port and control_port are both 6081'],
  [
    'listen_port on the default control port',
    `${OWN}listen_port = 6082\n`,
    'icx0.toml:3: listen_port and control_port are both 6082',
  ],
  [
    'metrics on the port of webtransport',
    `${OWN}control_transport = "webtransport"\n[metrics]\nlisten = "127.0.0.1:6082"\n`,
    'icx0.toml:5: metrics and control_port share port 6082',
  ],
  [
    'an MTU of 575',
    `${OWN}mtu = 575\n`,
    'icx0.toml:3: cannot use mtu = 575; expected "auto" or a whole number from 576 to 65535',
  ],
  [
    'an MTU below 1280 with IPv6',
    `${OWN}mtu = 1279\naddress = ["fd77::1/64"]\n`,
    'icx0.toml:3: cannot use mtu = 1279 with an IPv6 address; IPv6 needs at least 1280',
  ],
  [
    'an MTU below 1280 with an IPv6 route to install',
    `${OWN}mtu = 1279\n${ROUTE('b', B, '"fd77::2/128"')}`,
    'icx0.toml:3: cannot use mtu = 1279 with allowed_ips fd77::2/128; IPv6 needs at least 1280',
  ],
  ['no queue', `${OWN}queues = 0\n`, 'icx0.toml:3: cannot use queues = 0; expected "auto" or'],
  [
    'an unknown transport',
    `${OWN}control_transport = "tcp"\n`,
    'icx0.toml:3: cannot use control_transport = "tcp"; expected "quic"',
  ],
  [
    'an unknown suite',
    `${OWN}suite = "chacha"\n`,
    'icx0.toml:3: cannot use suite = "chacha"; expected "aes-128-gcm"',
  ],
  [
    'a duration without unit',
    `${OWN}rekey_interval = "2"\n`,
    'icx0.toml:3: rekey_interval: "2" is not a duration',
  ],
  [
    'a duration that is too long',
    `${OWN}rekey_interval = "7h"\n`,
    'icx0.toml:3: rekey_interval: "7h" is out of range; expected "1s" to "6h"',
  ],
  [
    'an interface name of 16 characters',
    `${OWN}name = "abcdefghijklmnop"\n`,
    'icx0.toml:3: name: "abcdefghijklmnop" can\'t name an interface',
  ],
  [
    'an interface name with a slash',
    `${OWN}name = "../x"\n`,
    'icx0.toml:3: name: "../x" can\'t name an interface',
  ],
  [
    'a command that is no list',
    `${OWN}post_up = "x"\n`,
    'icx0.toml:3: cannot use post_up = "x"; expected a list of shell commands',
  ],
  [
    'an address that is none',
    `${OWN}address = [\n  "10.77.0.1/24",\n  "10.77.0.256/24",\n]\n`,
    'icx0.toml:5: address: "10.77.0.256/24" is not an address',
  ],
  [
    'an address with too long a prefix',
    `${OWN}address = ["10.77.0.1/33"]\n`,
    'icx0.toml:3: address: "10.77.0.1/33" is not an address',
  ],
  [
    'an address twice',
    `${OWN}address = ["fd77::1/64",\n"fd77:0::1/48"]\n`,
    'icx0.toml:4: address fd77::1 stands here twice',
  ],
  [
    'no private key',
    '[interface]\nvni = 1\n',
    'icx0.toml:1: private_key_file is missing; make one with icx genkey',
  ],
  ['no interface', '[log]\n', 'icx0.toml:1: there is no [interface] section'],
  [
    'a missing key file',
    '[interface]\nprivate_key_file = "nope.key"\n',
    'icx0.toml:2: private_key_file nope.key does not exist; make one with icx genkey --out FILE',
  ],
  ['a directory as key file', '[interface]\nprivate_key_file = "."\n', 'icx0.toml:2: private_key_file'],
  [
    'a log level that is none',
    `${OWN}[log]\nlevel = "loud"\n`,
    'icx0.toml:4: cannot use level = "loud"; expected trace, debug',
  ],
  [
    'a metrics address without port',
    `${OWN}[metrics]\nlisten = "127.0.0.1"\n`,
    'icx0.toml:4: listen: "127.0.0.1" is not an address with a port',
  ],
  [
    'a metrics port alone',
    `${OWN}[metrics]\nlisten = 6083\n`,
    'icx0.toml:4: cannot use listen = 6083; expected',
  ],
  ['metrics = true', `${OWN}[metrics]\nlisten = true\n`, 'icx0.toml:4: cannot use listen = true; expected'],
  ['a peer without key', `${OWN}[[peer]]\nname = "b"\n`, 'icx0.toml:3: public_key is missing'],
  [
    'a broken public key',
    `${OWN}[[peer]]\npublic_key = "${B.slice(1)}"\n`,
    'icx0.toml:4: public_key is not a key (43 characters)',
  ],
  [
    'a public key of low order',
    `${OWN}[[peer]]\npublic_key = "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="\n`,
    'icx0.toml:4: public_key is not a point of Ed25519',
  ],
  [
    'the own key as peer',
    `${OWN}[[peer]]\npublic_key = "${publicKeyText(1)}"\n`,
    'icx0.toml:4: public_key is this host’s own key',
  ],
  [
    'host bits',
    `${OWN}${ROUTE('b', B, '"10.77.0.1/32",\n"10.77.0.2/24"')}`,
    'icx0.toml:7: allowed_ips: 10.77.0.2/24 has host bits set; did you mean 10.77.0.0/24?',
  ],
  [
    'host bits in local_ips',
    `${OWN}[[peer]]\npublic_key = "${B}"\nlocal_ips = ["fd77::1/64"]\n`,
    'icx0.toml:5: local_ips: fd77::1/64 has host bits set; did you mean fd77::/64?',
  ],
  [
    'two peers of one name',
    `${OWN}${ROUTE('b', B, '')}${ROUTE('b', C, '')}`,
    'icx0.toml:8: there are two peers named "b"',
  ],
  [
    'two peers of one key',
    `${OWN}${ROUTE('b', B, '')}${ROUTE('c', B, '')}`,
    'icx0.toml:9: public_key is that of peer b too',
  ],
  [
    'a prefix of two peers',
    `${OWN}${ROUTE('b', B, '"10.77.0.0/24"')}${ROUTE('c', C, '"10.77.0.0/24"')}`,
    'icx0.toml:10: allowed_ips 10.77.0.0/24 (local_ips 0.0.0.0/0) belongs to peer b too',
  ],
  [
    'a prefix twice',
    `${OWN}${ROUTE('b', B, '"fd77::/64", "fd77:0::/64"')}`,
    'icx0.toml:6: allowed_ips fd77::/64 (local_ips ::/0) stands here twice',
  ],
  [
    'a peer with an address of ours',
    `${OWN}address = ["10.77.0.1/24"]\n${ROUTE('b', B, '"10.77.0.1/32"')}`,
    'icx0.toml:7: allowed_ips 10.77.0.1/32 is an address of this host',
  ],
  [
    'a port out of range',
    `${OWN}[[peer]]\npublic_key = "${B}"\nendpoint = "192.0.2.2:65536"\n`,
    'icx0.toml:5: endpoint: "192.0.2.2:65536" has no valid port',
  ],
  [
    'an empty endpoint',
    `${OWN}[[peer]]\npublic_key = "${B}"\nendpoint = ""\n`,
    'icx0.toml:5: endpoint: "" is not an endpoint',
  ],
  [
    'a keepalive as number',
    `${OWN}[[peer]]\npublic_key = "${B}"\nkeepalive = 25\n`,
    'icx0.toml:5: cannot use keepalive = 25; expected a duration like "25s", or false',
  ],
  [
    'a keepalive that is no duration',
    `${OWN}[[peer]]\npublic_key = "${B}"\nkeepalive = "soon"\n`,
    'icx0.toml:5: keepalive: "soon" is not a duration',
  ],
  [
    'a negative rate',
    `${OWN}[[peer]]\npublic_key = "${B}"\nrx_rate_limit = -1\n`,
    'icx0.toml:5: cannot use rx_rate_limit = -1; expected packets per second',
  ],
  [
    'a flag as text',
    `${OWN}[[peer]]\npublic_key = "${B}"\nvalidate_source = "yes"\n`,
    'icx0.toml:5: cannot use validate_source = "yes"; expected true or false',
  ],
  [
    'a missing preshared key file',
    `${OWN}[[peer]]\npublic_key = "${B}"\npreshared_key_file = "no.psk"\n`,
    'icx0.toml:5: preshared_key_file no.psk does not exist; make one with icx genpsk',
  ],
];

describe('loadConfig() takes', () => {
  const text = `[interface]\nprivate_key_file = "own.key" # ключ ☃\naddress = ["10.0.0.1/24"]\n`;

  test.each([
    ['a byte order mark', `\ufeff${text}`],
    ['line ends of Windows', text.replaceAll('\n', '\r\n')],
    ['no line end at the end', text.trimEnd()],
  ])('%s', (_, content) => {
    expect(problems(content)).toEqual([]);
  });
});

describe('loadConfig() refuses', () => {
  test.each(BAD)('%s', (_, text, line) => {
    const found = problems(text);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(line);
    expect(found[0]?.indexOf(line)).toBe(0);
  });

  test('everything at once, in the order of the file', () => {
    const found = problems(
      `[interface]\nprivate_key_file = "no.key"\nvni = 0\nmtuu = 3\n${ROUTE('b', 'x', '"1.2.3.4/8"')}${ROUTE('b', C, '')}`,
    );
    expect(found.map((line) => line.split(':').slice(0, 2).join(':'))).toEqual([
      'icx0.toml:2',
      'icx0.toml:3',
      'icx0.toml:4',
      'icx0.toml:7',
      'icx0.toml:8',
      'icx0.toml:10',
    ]);
  });

  test('a file that is not there', () => {
    expect(() => loadConfig(join(dir.path, 'none.toml'))).toThrow(
      /none\.toml: cannot read the config: there is no such file; write it/,
    );
  });

  test('a private key where the name of a value belongs, without showing it', () => {
    const [line = ''] = problems(`${OWN}${seedText(9).slice(0, -1)} = 1\n`);
    expect(line).toMatch(/^icx0\.toml:3: unknown key \(string, not shown\); known are /);
  });

  test('a directory', () => {
    expect(() => loadConfig(dir.path)).toThrow(
      /cannot read the config: it is a directory; name a file in it/,
    );
  });

  test('text that is not UTF-8', () => {
    expect(problems(Buffer.from('\ufeff[interface]\n', 'utf16le'))).toEqual([
      'icx0.toml: is not UTF-8 text, as TOML has to be; save it as UTF-8',
    ]);
  });

  test.each([
    'PrivateKey = aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa=',
    'private_key= bbbb # mine',
    'Endpoint = vpn.example:51820',
    'allowed_ips = fd00::/8, fd01::/8',
  ])('the unquoted text of %s, without showing what may be a key', (line) => {
    expect(problems(`[interface]\n${line}\n`)).toEqual([
      'icx0.toml:2: is not valid TOML: this value is no number, true or false; ' +
        'put text in double quotes, and lists of it in [ ]',
    ]);
  });

  test.each([0o604, 0o640, 0o660, 0o644, 0o602])('a key file of mode %o', (mode) => {
    dir.write('open.key', seedText(1), mode);
    const octal = mode.toString(8).padStart(4, '0');
    expect(problems('[interface]\nprivate_key_file = "open.key"\n')).toEqual([
      `icx0.toml:2: private_key_file open.key is open to group or others (mode ${octal}); run chmod 600 open.key`,
    ]);
  });

  test.each([0o600, 0o400, 0o700])('no key file of mode %o', (mode) => {
    dir.write('closed.key', seedText(1), mode);
    expect(problems('[interface]\nprivate_key_file = "closed.key"\n')).toEqual([]);
  });

  test('both kinds of private key', () => {
    const text = `${OWN}private_key = "${seedText(1)}"\n`;
    expect(problems(text, 0o600)).toEqual([
      'icx0.toml:3: private_key and private_key_file are both set; keep one',
    ]);
  });

  test('an inline private key that others can read, without showing it', () => {
    const found = problems(`[interface]\nprivate_key = "${seedText(9)}"\n`, 0o644);
    expect(found).toEqual([
      'icx0.toml:2: private_key is inline and icx0.toml is open to group or others (mode 0644); run chmod 600 icx0.toml',
    ]);
  });

  test('an inline preshared key that others can read', () => {
    const text = `${OWN}[[peer]]\npublic_key = "${B}"\npreshared_key = "${seedText(9)}"\n`;
    expect(problems(text)[0]).toMatch(/^icx0\.toml:5: preshared_key is inline and/);
    expect(problems(text, 0o600)).toEqual([]);
  });

  test('a broken secret without showing it', () => {
    const secret = `${seedText(9).slice(0, 40)}!!!!`;
    const found = problems(`[interface]\nprivate_key = "${secret}"\n`, 0o600);
    expect(found).toEqual([
      expect.stringMatching(/^icx0\.toml:2: private_key is not a key \(44 characters\)/),
    ]);
    dir.write('broken.key', secret, 0o600);
    const inFile = problems('[interface]\nprivate_key_file = "broken.key"\n');
    expect(inFile).toEqual([
      expect.stringMatching(/^icx0\.toml:2: content of private_key_file broken\.key is not a key/),
    ]);
    const wrongType = problems('[interface]\nprivate_key = 12345\n', 0o600);
    expect([...found, ...inFile, ...wrongType].join()).not.toMatch(/12345|CQkJCQk/);
  });

  test('a key in place of its file, without showing it', () => {
    const found = problems(`[interface]\nprivate_key_file = "${seedText(9)}"\n`, 0o600);
    expect(found).toEqual(['icx0.toml:2: private_key_file holds a key, not a path; write the key to a file']);
  });

  test('a file name that can’t name an interface, when no name is set', () => {
    expect(problems(OWN, 0o644, 'a name.toml')).toEqual([
      'a name.toml:1: "a name" can\'t name an interface; use 1 to 15 of the characters a-z, A-Z, 0-9, _ = + . - (set name in [interface])',
    ]);
  });
});
