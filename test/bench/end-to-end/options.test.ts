import { describe, expect, test } from 'vitest';
import { parseOptions } from '../../../bench/end-to-end/options.ts';

describe('parseOptions()', () => {
  test('has a default for everything', () => {
    expect(parseOptions([])).toEqual({
      tunnels: null,
      base: null,
      rounds: 2,
      seconds: 2,
      noOffload: false,
      queues: null,
      json: null,
    });
  });

  test('reads every option', () => {
    const argv = '--tunnels plain,icx --base plain --rounds 5 --seconds 10 --no-offload --queues 2 --json f';
    expect(parseOptions(argv.split(' '))).toEqual({
      tunnels: ['plain', 'icx'],
      base: 'plain',
      rounds: 5,
      seconds: 10,
      noOffload: true,
      queues: 2,
      json: 'f',
    });
  });

  test('makes one round when it is to be quick, unless it is told how many', () => {
    expect(parseOptions(['--quick']).rounds).toBe(1);
    expect(parseOptions(['--quick', '--rounds', '4']).rounds).toBe(4);
  });

  test.each(['0', '-1', '1.5', 'x', '101', ''])('refuses %j rounds', (rounds) => {
    expect(() => parseOptions([`--rounds=${rounds}`])).toThrow('expected 1 to 100');
  });

  test('refuses what it does not know', () => {
    expect(() => parseOptions(['--turns', '2'])).toThrow('--turns');
  });
});
