import { describe, expect, test } from 'vitest';
import { AdminError } from '../../cli/admin-error.ts';
import { CliError, Exit, errorLines, exitCodeOf, SilentExit } from '../../cli/cli-error.ts';
import { ConfigError } from '../../cli/config/config-error.ts';
import { TransportError } from '../../controlplane/transport/transport.ts';

const CONFIG = new ConfigError('a.toml', [
  { line: 9, message: 'x', hint: 'y' },
  { line: 2, message: 'z', hint: '' },
]);
const TABLE: readonly (readonly [string, unknown, string[], number])[] = [
  ['a failure with a hint', new CliError('cannot x: y', 'do z'), ['icx: cannot x: y; do z'], 1],
  ['a failure without', new CliError('cannot x'), ['icx: cannot x'], 1],
  ['wrong usage', new CliError('no', '', Exit.usage), ['icx: no'], 2],
  ['what was said already', new SilentExit(Exit.failed), [], 1],
  ['a config error', CONFIG, ['a.toml:2: z', 'a.toml:9: x; y'], 2],
  [
    'a config error from an agent',
    new AdminError('ERR_ICX_CONFIG', 'a:1: x\na:2: y'),
    ['a:1: x', 'a:2: y'],
    2,
  ],
  ['a wrong choice, told by an agent', new AdminError('ERR_ICX_USAGE', 'no', 'x'), ['icx: no; x'], 2],
  [
    'a transport error',
    new TransportError('ERR_ICX_TRANSPORT_BIND', 'cannot bind', 'h'),
    ['icx: cannot bind; h'],
    1,
  ],
  ['a bug', new TypeError('x is\n not y'), ['icx: internal error: TypeError: x is not y'], 1],
  ['a system error', Object.assign(new Error('EPERM: no'), { code: 'EPERM' }), ['icx: EPERM: no'], 1],
  ['a sentence', new CliError('Cannot x: Y', 'Do z'), ['icx: cannot x: Y; Do z'], 1],
  ['a name in front', new CliError('UDP 1 is taken'), ['icx: UDP 1 is taken'], 1],
  ['anything', 'text', ['icx: text'], 1],
];

describe('errorLines() and exitCodeOf()', () => {
  test.each(TABLE)('%s', (_, error, lines, exit) => {
    expect(errorLines(error)).toEqual(lines);
    expect(exitCodeOf(error)).toBe(exit);
  });
});
