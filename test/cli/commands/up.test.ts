import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { loadConfig } from '../../../cli/config/load.ts';
import type * as Logging from '../../../cli/logger.ts';
import { ConfigDir } from '../config/config-dir.ts';
import { FakeCli } from '../fake-context.ts';

const { runAgent, logged } = vi.hoisted(() => ({ runAgent: vi.fn(), logged: [] as string[] }));
vi.mock('../../../cli/agent/agent.ts', () => ({ runAgent }));
vi.mock('../../../cli/logger.ts', async (importActual) => {
  const { createLogger } = await importActual<typeof Logging>();
  const sink = { write: (line: string) => void logged.push(line) };
  return {
    createLogger: (options: Logging.LoggerOptions) => createLogger({ ...options, destination: sink }),
  };
});

let cli: FakeCli;
let configs: ConfigDir;
beforeEach(() => {
  cli = new FakeCli();
  configs = new ConfigDir();
  logged.length = 0;
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

  describe('--userspace', () => {
    test('runs the config without interfaces, and reads it so again', async () => {
      const file = write('icx0.toml', 'address = ["10.77.0.1/24"]\n[relay]\n');
      expect(await cli.run(['up', '--config', file, '--userspace'])).toEqual({
        exit: 0,
        stdout: '',
        stderr: '',
      });
      const [config, { adapt }] = runAgent.mock.calls[0] ?? [];
      const bare = { interface: { addresses: [] }, networks: [{ device: false, addresses: [] }] };
      expect(config).toMatchObject(bare);
      expect(adapt(loadConfig(file))).toMatchObject(bare);
    });

    test('tells so in the log, with the addresses that it ignores', async () => {
      const level = '[log]\nlevel = "info"\n';
      const own = '[interface]\nprivate_key_file = "own.key"\naddress = ["10.77.0.1/24"]\n';
      const file = configs.write('icx0.toml', `${own}[relay]\n${level}`);
      await cli.run(['up', '--config', file, '-u']);
      expect(logged.map((line) => JSON.parse(line) as unknown)).toMatchObject([
        { level: 'info', msg: 'userspace: no network has an interface' },
        { level: 'warn', network: 'icx0', addresses: ['10.77.0.1/24'] },
      ]);
    });

    test('refuses a config that needs an interface', async () => {
      const file = write('icx0.toml');
      expect(await cli.run(['up', '--config', file, '--userspace'])).toMatchObject({
        exit: 2,
        stderr: `${file}: network icx0 has neither a port nor a relay, and no interface by --userspace; add a relay or a port, or run as root without --userspace\n`,
      });
      expect(runAgent).not.toHaveBeenCalled();
    });
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
