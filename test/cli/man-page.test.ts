import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { CONFIG_EXAMPLES } from '../../cli/config/examples.ts';
import {
  NEIGHBOUR_FIELDS,
  NETWORK_FIELDS,
  NETWORK_PEER_FIELDS,
  PORT_FIELDS,
  RELAY_FIELDS,
  STATION_FIELDS,
  SWITCH_FIELDS,
} from '../../cli/config/network-schema.ts';
import { INTERFACE_FIELDS, LOG_FIELDS, METRICS_FIELDS, PEER_FIELDS } from '../../cli/config/schema.ts';
import { DROP_TABLE } from '../../dataplane/path/drop.ts';
import { FakeCli } from './fake-context.ts';

const SECTIONS = [
  INTERFACE_FIELDS,
  METRICS_FIELDS,
  LOG_FIELDS,
  PEER_FIELDS,
  NETWORK_FIELDS,
  NETWORK_PEER_FIELDS,
  SWITCH_FIELDS,
  ...Object.values(PORT_FIELDS),
  RELAY_FIELDS,
  NEIGHBOUR_FIELDS,
  STATION_FIELDS,
];

let cli: FakeCli;
beforeEach(() => {
  cli = new FakeCli();
});
afterEach(() => cli.remove());

describe('icx man', () => {
  test('prints the overview with every command', async () => {
    const { exit, stdout } = await cli.run(['man']);
    expect(exit).toBe(0);
    expect(stdout).toMatch(/^\.TH "ICX" 1 "" "icx \d/);
    for (const command of ['up', 'status', 'genpsk', 'demo']) expect(stdout).toContain(`\n.B ${command}`);
    expect(stdout).toContain('.SH "EXIT STATUS"');
  });

  test('prints the page of the config with every key of every section', async () => {
    const { exit, stdout } = await cli.run(['man', 'icx.toml']);
    expect(exit).toBe(0);
    const fields = SECTIONS.flatMap(Object.keys);
    expect(fields.length).toBeGreaterThan(60);
    for (const key of fields) expect(stdout).toContain(`\n.B ${key}\n`);
    expect(stdout).toContain('\n.SH "[[network.peer]]"\nWho is in the network.');
  });

  test('tells what a key takes, and shows complete configs', async () => {
    const { stdout } = await cli.run(['man', 'icx.toml']);
    expect(stdout).toContain('Default: true. Value: true or false.');
    const examples = [...stdout.matchAll(/\.nf\n(.*?)\n\.fi/gs)].map(([, text = '']) =>
      text.replaceAll('\\-', '-').replaceAll('\\&', '').replaceAll('\\e', '\\'),
    );
    expect(examples).toEqual(
      CONFIG_EXAMPLES.flatMap(({ commands, toml }) => (commands === '' ? [toml] : [commands, toml])),
    );
    expect(stdout).toContain('.SS "A virtual machine"\nThis host forwards');
  });

  test('explains every drop on the page of icx status, and the signals on that of icx up', async () => {
    const { stdout } = await cli.run(['man', 'status']);
    for (const { direction, reason } of Object.values(DROP_TABLE)) {
      expect(stdout).toContain(`\n.B ${direction} ${reason}\n`);
    }
    expect((await cli.run(['man', 'up'])).stdout).toContain('\n.B SIGHUP\n');
  });

  test('prints the page of a command with its options and arguments', async () => {
    const { stdout } = await cli.run(['man', 'up']);
    expect(stdout).toContain('.SH "NAME"\nicx\\-up \\- run an agent');
    expect(stdout).toContain('.TP\n.B \\-c, \\-\\-config <FILE>\nread this config');
    expect(stdout).toContain('.TP\n.B NAME\nits config is /etc/icx/NAME.toml');
  });

  test('writes all pages to a directory', async () => {
    const dir = join(cli.dir, 'man');
    expect(await cli.run(['man', '--dir', dir])).toEqual({ exit: 0, stdout: '', stderr: '' });
    expect(readdirSync(join(dir, 'man1'))).toHaveLength(18);
    expect(readdirSync(join(dir, 'man5'))).toEqual(['icx.toml.5']);
    expect(readFileSync(join(dir, 'man1/icx-rekey.1'), 'utf8')).toBe(
      (await cli.run(['man', 'rekey'])).stdout,
    );
  });

  test('knows no other pages', async () => {
    expect(await cli.run(['man', 'nope'])).toMatchObject({
      exit: 2,
      stderr: 'icx: there is no command nope; icx --help lists them\n',
    });
  });

  test('tells all commands of a group on its page', async () => {
    const { stdout } = await cli.run(['man', 'fdb']);
    expect(stdout).toContain(
      '.SH "SYNOPSIS"\n.B icx fdb show\n[options] [NAME]\n.br\n.B icx fdb add\n[options] <MAC>\n.br\n',
    );
    expect(stdout).toContain('.SS "icx fdb add"\nadd a static entry, which is never learned over; it lives');
    expect(stdout).toContain('\n.B MAC\naddress of the station\n.TP\n.B \\-p, \\-\\-port <PORT>\n');
    expect((await cli.run(['man', 'port'])).stdout).toContain('what the port is (unix, interface, vxlan)');
    expect((await cli.run(['man'])).stdout).toContain('\n.B fdb [command]\n');
  });

  test.for(['rekey', 'fdb', 'port', 'icx.toml'])('is valid roff: %s', async (page, { skip }) => {
    const { stdout } = await cli.run(['man', page]);
    const groff = spawnSync('groff', ['-k', '-man', '-Tutf8', '-ww', '-z'], {
      input: stdout,
      encoding: 'utf8',
    });
    if (groff.error !== undefined) skip('groff is not installed');
    expect([groff.status, groff.stderr]).toEqual([0, '']);
  });
});
