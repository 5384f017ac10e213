import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { SHELLS } from '../../cli/completion.ts';
import { FakeCli } from './fake-context.ts';

let cli: FakeCli;
beforeEach(() => {
  cli = new FakeCli();
});
afterEach(() => cli.remove());

/** What bash offers for the last of `words`. */
async function bashOffers(...words: string[]): Promise<string[]> {
  const { stdout } = await cli.run(['completion', 'bash']);
  mkdirSync(join(cli.dir, 'run'), { recursive: true });
  writeFileSync(join(cli.dir, 'run', 'icx7.sock'), '');
  writeFileSync(join(cli.dir, 'icx8.toml'), '');
  const script = stdout.replaceAll('/run/icx', join(cli.dir, 'run')).replaceAll('/etc/icx', cli.dir);
  const quoted = ['icx', ...words].map((word) => `'${word}'`).join(' ');
  const ask = `COMP_WORDS=(${quoted}); COMP_CWORD=${words.length}; _icx; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const text = execFileSync('bash', ['--norc', '-c', `${script}\n${ask}`], {
    encoding: 'utf8',
    cwd: cli.dir,
  });
  return text.split('\n').filter((word) => word !== '');
}

describe('icx completion bash', () => {
  test('offers the agents of an ordinary user too', async () => {
    const own = join(cli.dir, 'own', 'icx');
    mkdirSync(own, { recursive: true });
    writeFileSync(join(own, 'icx9.sock'), '');
    vi.stubEnv('XDG_RUNTIME_DIR', join(cli.dir, 'own'));
    expect(await bashOffers('status', '')).toEqual(['icx7', 'icx9']);
    vi.unstubAllEnvs();
  });

  test.each([
    [['sta'], ['status']],
    [['re'], ['rekey', 'reload', 'relay']],
    [['--v'], ['--version']],
    [['status', '--j'], ['--json']],
    [['status', 'ic'], ['icx7']],
    [['up', ''], ['icx8']],
    [
      ['completion', ''],
      ['bash', 'zsh', 'fish'],
    ],
    [
      ['man', 'gen'],
      ['genkey', 'genpsk'],
    ],
    [['man', 'icx'], ['icx.toml']],
    [['check', 'icx8'], ['icx8.toml']],
    [['up', '--config', 'icx8'], ['icx8.toml']],
    [['f'], ['fdb']],
    [
      ['fdb', ''],
      ['show', 'add', 'del', 'flush'],
    ],
    [['fdb', '--'], ['--help']],
    [['fdb', 'f'], ['flush']],
    [['fdb', 'show', ''], ['icx7']],
    [['fdb', 'show', '-i', ''], ['icx7']],
    [['fdb', 'show', '--network', ''], []],
    [
      ['fdb', 'add', '02:42:ac:11:00:02', '--p'],
      ['--port', '--peer'],
    ],
    [['fdb', 'del', 'ic'], []],
    [['fdb', 'nothing', ''], []],
    [
      ['port', 'add', '--type', ''],
      ['unix', 'interface', 'vxlan'],
    ],
    [['port', 'add', '--path', 'icx8'], ['icx8.toml']],
    [['neigh', 'show', '--j'], ['--json']],
    [['relay', ''], ['list']],
    [['relay', 'list', '-i', ''], ['icx7']],
    [['nothing', ''], []],
  ])('offers for %j: %j', async (words, offers) => expect(await bashOffers(...words)).toEqual(offers));
});

describe('icx completion', () => {
  test.each(SHELLS)('%s knows every command and option', async (shell) => {
    const { exit, stdout } = await cli.run(['completion', shell]);
    expect(exit).toBe(0);
    for (const word of [
      'up',
      'down',
      'status',
      'rekey',
      'pubkey',
      'man',
      'json',
      'config',
      'schema',
      'flush',
      'max-stations',
    ]) {
      expect(stdout).toContain(word);
    }
    expect(stdout).not.toContain('demo-probe');
  });

  test.for(SHELLS)('%s accepts the script', async (shell, { skip }) => {
    const { stdout } = await cli.run(['completion', shell]);
    // A file: fish reads no script from a socket, which is what a child's stdin is.
    const file = join(cli.dir, `icx.${shell}`);
    writeFileSync(file, stdout);
    const parsed = spawnSync(shell, ['-n', file], { encoding: 'utf8' });
    if (parsed.error !== undefined) skip(`${shell} is not installed`);
    expect([parsed.status, parsed.stderr]).toEqual([0, '']);
  });
});
