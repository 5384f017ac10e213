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

/** Where to cut, how much to take out, what to put in. */
const EDIT = fc.tuple(
  fc.nat(GOOD.length),
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
  test('takes the text that the edits below start from', () => {
    expect(loadConfig(dir.write('icx0.toml', GOOD, 0o600)).peers).toHaveLength(1);
  });

  test('answers any edit with a config or with plain lines that name file and line', () => {
    fc.assert(
      fc.property(fc.array(EDIT, { minLength: 1, maxLength: 3 }), (edits) => {
        const text = edits.reduce(
          (all, [at, cut, put]) => all.slice(0, at) + put + all.slice(at + cut),
          GOOD,
        );
        const file = dir.write('icx0.toml', text, 0o600);
        try {
          loadConfig(file);
        } catch (error) {
          if (!(error instanceof ConfigError)) throw error;
          for (const line of error.message.split('\n')) expect(line).toMatch(/icx0\.toml:\d+: [^\n]+$/);
          expect(error.problems.every(({ line }) => line >= 1 && line <= text.split('\n').length)).toBe(true);
          expect(error.message).not.toContain(SECRET.slice(8, 24));
        }
      }),
      { numRuns: 1000 },
    );
  });
});
