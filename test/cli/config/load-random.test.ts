import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ConfigError } from '../../../cli/config/config-error.ts';
import { loadConfig } from '../../../cli/config/load.ts';
import { ConfigDir, publicKeyText, seedText } from './config-dir.ts';

let dir: ConfigDir;
beforeAll(() => {
  dir = new ConfigDir();
});
afterAll(() => dir.remove());

const SECRET = seedText(9);
const GOOD = `[interface]
private_key = "${SECRET}"
address = ["10.77.0.1/24", "fd77::1/64"]
vni = 1
listen_port = 6081
rekey_interval = "2m"
[metrics]
listen = "127.0.0.1:6083"
[[peer]]
name = "host-b"
public_key = "${publicKeyText(2)}"
endpoint = "192.0.2.2"
allowed_ips = ["10.77.0.2/32", "fd77::2/128"]
keepalive = "25s"
`;

const SEVERAL = `[interface]
private_key = "${SECRET}"
[[peer]]
name = "host-b"
public_key = "${publicKeyText(2)}"
[[network]]
name = "red"
vni = 10
mode = "l2"
[network.switch]
ageing = "5m"
[[network.peer]]
name = "host-b"
allowed_ips = ["10.77.0.2/32"]
[[network.port]]
type = "unix"
name = "vm"
path = "/run/vm.sock"
[[network.port]]
type = "vxlan"
name = "rack"
remotes = ["192.0.2.9"]
[[network.neighbour]]
ip = "10.77.0.9"
mac = "02:00:00:00:00:09"
peer = "host-b"
[[network.station]]
mac = "02:00:00:00:00:08"
port = "vm"
[network.relay]
max_sessions = 9
address = ["10.77.0.254"]
resolver = "192.0.2.53"
deny = ["192.0.2.0/29"]
`;

/** Where to cut, how much to take out, what to put in. */
const EDIT = fc.tuple(
  fc.nat(Math.max(GOOD.length, SEVERAL.length)),
  fc.nat(30),
  fc.oneof(
    fc.constantFrom(
      '',
      '=',
      '"',
      '[',
      ']',
      '{',
      '}',
      '\n',
      '[[peer]]\n',
      '[[network]]\n',
      '[[network.port]]\n',
      '0',
      '-1',
      '1e9',
      'true',
      '1979-05-27',
      'é',
    ),
    fc.string({ maxLength: 8 }),
  ),
);

describe('loadConfig()', () => {
  const TEXTS = [
    ['one network', GOOD],
    ['several networks', SEVERAL],
  ] as const;

  test.each(TEXTS)('takes the text of %s that the edits below start from', (_, good) => {
    expect(loadConfig(dir.write('icx0.toml', good, 0o600)).peers).toHaveLength(1);
  });

  test.each(TEXTS)(
    'of %s answers any edit with a config or with plain lines that name file and line',
    (_, good) => {
      fc.assert(
        fc.property(fc.array(EDIT, { minLength: 1, maxLength: 3 }), (edits) => {
          const text = edits.reduce(
            (all, [at, cut, put]) => all.slice(0, at) + put + all.slice(at + cut),
            good as string,
          );
          const file = dir.write('icx0.toml', text, 0o600);
          try {
            expect(loadConfig(file).networks.length).toBeGreaterThan(0);
          } catch (error) {
            if (!(error instanceof ConfigError)) throw error;
            for (const line of error.message.split('\n')) expect(line).toMatch(/icx0\.toml:\d+: [^\n]+$/);
            expect(error.problems.every(({ line }) => line >= 1 && line <= text.split('\n').length)).toBe(
              true,
            );
            expect(error.message).not.toContain(SECRET.slice(8, 24));
          }
        }),
        { numRuns: 1000 },
      );
    },
  );
});
