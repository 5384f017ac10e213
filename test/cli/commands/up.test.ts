import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ConfigDir } from '../config/config-dir.ts';
import { FakeCli } from '../fake-context.ts';

const { runAgent } = vi.hoisted(() => ({ runAgent: vi.fn() }));
vi.mock('../../../cli/agent/agent.ts', () => ({ runAgent }));

let cli: FakeCli;
let configs: ConfigDir;
beforeEach(() => {
  cli = new FakeCli();
  configs = new ConfigDir();
  runAgent.mockReset().mockResolvedValue(undefined);
});
afterEach(() => {
  cli.remove();
  configs.remove();
});

function write(name: string, lines = ''): string {
  return configs.write(name, `[interface]\nprivate_key_file = "own.key"\n${lines}[log]\nlevel = "silent"\n`);
}

describe('icx up', () => {
  test('runs the config of NAME until the agent ends', async () => {
    const file = write('icx0.toml');
    expect(await cli.run(['up', 'icx0'], { configDir: configs.path })).toEqual({
      exit: 0,
      stdout: '',
      stderr: '',
    });
    expect(runAgent).toHaveBeenCalledExactlyOnceWith(
      expect.objectContaining({ file, interface: expect.objectContaining({ name: 'icx0' }) }),
      expect.objectContaining({ configFile: file, log: expect.objectContaining({ level: 'silent' }) }),
    );
  });

  test('runs the config that --config names', async () => {
    const file = write('x.toml', 'name = "wan"\n');
    expect(await cli.run(['up', '--config', file])).toMatchObject({ exit: 0 });
    expect(await cli.run(['up', 'wan', '--config', file])).toMatchObject({ exit: 0 });
    expect(runAgent).toHaveBeenCalledTimes(2);
  });

  test('refuses a config of another name', async () => {
    const file = write('x.toml', 'name = "wan"\n');
    const { exit, stderr } = await cli.run(['up', 'icx0', '--config', file]);
    expect([exit, stderr]).toEqual([
      2,
      `icx: ${file} is the config of wan, not of icx0; set name = "icx0" in its [interface], or leave NAME out\n`,
    ]);
  });

  test('starts nothing when the config has a problem', async () => {
    const file = write('icx0.toml', 'vni = 0\n');
    const { exit, stderr } = await cli.run(['up', '--config', file]);
    expect([exit, stderr]).toEqual([
      2,
      `${file}:3: cannot use vni = 0; expected a whole number from 1 to 16777215\n`,
    ]);
    expect(runAgent).not.toHaveBeenCalled();
  });

  test('needs a name or a file', async () => {
    expect(await cli.run(['up'])).toMatchObject({
      exit: 2,
      stderr: 'icx: up needs a NAME or --config FILE; see icx up --help\n',
    });
  });

  test('says why the agent ended, without a stack', async () => {
    const file = write('icx0.toml');
    runAgent.mockRejectedValue(
      Object.assign(new Error('cannot open /dev/net/tun'), { code: 'EPERM', hint: 'run as root' }),
    );
    expect(await cli.run(['up', '--config', file])).toEqual({
      exit: 1,
      stdout: '',
      stderr: 'icx: cannot open /dev/net/tun; run as root\n',
    });
  });
});
