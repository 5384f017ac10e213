import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { processContext } from '../../cli/cli-context.ts';
import { buildProgram } from '../../cli/program.ts';
import { VERSION } from '../../cli/version.ts';
import { FakeCli } from './fake-context.ts';

let cli: FakeCli;
beforeEach(() => {
  cli = new FakeCli();
});
afterEach(() => cli.remove());

const COMMANDS = [
  'up',
  'down',
  'status',
  'rekey',
  'reload',
  'check',
  'fdb',
  'port',
  'neigh',
  'cni',
  'relay',
  'genkey',
  'pubkey',
  'genpsk',
  'demo',
  'completion',
  'man',
];

describe('run()', () => {
  test('prints the version', async () => {
    expect(await cli.run(['--version'])).toEqual({ exit: 0, stdout: `${VERSION}\n`, stderr: '' });
    expect(VERSION).toMatch(/^\d+\.\d+\.\d+/);
  });

  test.each(COMMANDS)('has help for %s', async (command) => {
    const { exit, stdout, stderr } = await cli.run([command, '--help']);
    expect([exit, stderr]).toEqual([0, '']);
    expect(stdout).toContain(`Usage: icx ${command}`);
  });

  test('lists every command, and no hidden one, in its help', async () => {
    const { stdout } = await cli.run(['--help']);
    const listed = [...stdout.matchAll(/^ {2}([a-z-]+) /gm)].map(([, name]) => name);
    expect(listed.filter((name) => name !== 'help')).toEqual(COMMANDS);
  });

  test('icx help says what --help does', async () => {
    expect(await cli.run(['help'])).toEqual(await cli.run(['--help']));
    expect(await cli.run(['help', 'up'])).toEqual(await cli.run(['up', '--help']));
    expect(await cli.run(['help', 'fdb', 'add'])).toEqual(await cli.run(['fdb', 'add', '--help']));
  });

  test('shows help on stderr and fails without a command', async () => {
    const { exit, stdout, stderr } = await cli.run([]);
    expect([exit, stdout]).toEqual([2, '']);
    expect(stderr).toContain('Usage: icx');
  });

  test.each(['fdb', 'port', 'neigh', 'cni', 'relay'])(
    'shows help on stderr and fails with %s alone',
    async (group) => {
      const { exit, stdout, stderr } = await cli.run([group]);
      expect([exit, stdout]).toEqual([2, '']);
      expect(stderr).toContain(`Usage: icx ${group}`);
    },
  );

  test.each([
    ['an unknown command', ['statsu'], "icx: unknown command 'statsu' (Did you mean status?);"],
    ['an unknown option', ['status', '--jsno'], "icx: unknown option '--jsno' (Did you mean --json?);"],
    ['a missing argument', ['down'], "icx: missing required argument 'NAME';"],
    ['help for no command', ['help', 'nope'], 'icx: there is no command nope; icx --help lists them'],
    ['help for nothing in a group', ['help', 'fdb', 'nope'], 'icx: there is no command nope; icx fdb --help'],
    ['an unknown command in a group', ['fdb', 'shwo'], "icx: unknown command 'shwo' (Did you mean show?);"],
    ['a file where a name is wanted', ['up', '/x/icx0.toml'], 'icx: /x/icx0.toml is a file, not a name; use'],
    [
      'one argument too many',
      ['down', 'a', 'b'],
      "icx: too many arguments for 'down'. Expected 1 argument but got 2; icx",
    ],
    ['an option without value', ['genkey', '--out'], "icx: option '-o, --out <FILE>' argument missing;"],
    ['another shell', ['completion', 'tcsh'], "icx: command-argument value 'tcsh' is invalid"],
    ['a name that is a path', ['status', '../x'], 'icx: "../x" can\'t name an interface;'],
  ])('answers %s with 2 and one line', async (_, argv, line) => {
    const { exit, stdout, stderr } = await cli.run(argv);
    expect([exit, stdout]).toEqual([2, '']);
    expect(stderr.indexOf(line)).toBe(0);
    expect(stderr.split('\n')).toHaveLength(2);
  });
});

describe('buildProgram()', () => {
  test('describes every command, argument and option', () => {
    const program = buildProgram(processContext());
    const all = program.commands.flatMap((command) => [command, ...command.commands]);
    expect(all.map((command) => command.name())).toContain('flush');
    for (const command of all) {
      expect(command.description(), command.name()).not.toBe('');
      for (const argument of command.registeredArguments) expect(argument.description).not.toBe('');
      for (const option of command.options) expect(option.description).not.toBe('');
    }
  });
});
