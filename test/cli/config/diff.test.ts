import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { diffConfig } from '../../../cli/config/diff.ts';
import { loadConfig } from '../../../cli/config/load.ts';
import type { Config } from '../../../cli/config/types.ts';
import { ConfigDir, publicKeyText, seedText } from './config-dir.ts';

let dir: ConfigDir;
beforeAll(() => {
  dir = new ConfigDir();
});
afterAll(() => dir.remove());

const PEER_B = `[[peer]]\nname = "b"\npublic_key = "${publicKeyText(2)}"\nallowed_ips = ["10.77.0.2/32"]\n`;
const PEER_C = `[[peer]]\nname = "c"\npublic_key = "${publicKeyText(3)}"\nallowed_ips = ["10.77.0.3/32"]\n`;

function load(interfaceLines: string, rest: string): Config {
  const file = dir.write(
    'icx0.toml',
    `[interface]\nprivate_key_file = "own.key"\n${interfaceLines}\n${rest}`,
    0o600,
  );
  return loadConfig(file);
}

function lines(before: Config, after: Config): string[] {
  return diffConfig(before, after).map(
    ({ kind, subject, detail, needs_restart }) =>
      `${kind} ${subject}: ${detail}${needs_restart ? ' (restart)' : ''}`,
  );
}

describe('diffConfig()', () => {
  test('finds nothing between equal configs', () => {
    expect(lines(load('', PEER_B + PEER_C), load('', PEER_B + PEER_C))).toEqual([]);
  });

  test('ignores the order of peers', () => {
    expect(lines(load('', PEER_B + PEER_C), load('', PEER_C + PEER_B))).toEqual([]);
  });

  test('tells added and removed peers', () => {
    expect(lines(load('', PEER_B), load('', PEER_C))).toEqual([
      'removed peer b: ',
      'added peer c: 10.77.0.3/32',
    ]);
  });

  test('tells what of a peer changed', () => {
    const changed = PEER_B.replace('10.77.0.2', '10.77.0.9').replace('"b"', '"bb"');
    const more = `${changed}endpoint = "192.0.2.2"\nkeepalive = "25s"\nhybrid = false\n`;
    expect(lines(load('', PEER_B), load('', more))).toEqual([
      'changed peer bb: name: b → bb',
      'changed peer bb: endpoint: none → 192.0.2.2:6081',
      'changed peer bb: allowed_ips: [10.77.0.2/32] → [10.77.0.9/32]',
      'changed peer bb: keepalive: off → 25s',
      'changed peer bb: hybrid: true → false',
    ]);
  });

  test('says what waits for a restart', () => {
    const before = load('', '[log]\nlevel = "info"\n');
    const after = load(
      'vni = 7\nmtu = 1400\nrekey_interval = "1m"',
      '[log]\nlevel = "debug"\n[metrics]\nlisten = false\n',
    );
    expect(lines(before, after)).toEqual([
      'changed interface: vni: 1 → 7 (restart)',
      'changed interface: mtu: auto → 1400',
      'changed interface: rekey_interval: 2m → 1m (restart)',
      'changed metrics listen: 127.0.0.1:6083 → off (restart)',
      'changed log level: info → debug',
    ]);
  });

  test('tells that keys changed, but no key', () => {
    const psk = (byte: number) => `${PEER_B}preshared_key = "${seedText(byte)}"\n`;
    const before = load('', psk(5));
    dir.write('own.key', seedText(8), 0o600);
    const after = load('', psk(6));
    dir.write('own.key', seedText(1), 0o600);
    expect(lines(before, after)).toEqual([
      'changed interface: private key (restart)',
      'changed peer b: preshared_key',
    ]);
  });
});
