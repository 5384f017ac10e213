import { existsSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { GROUPS, parseCommand } from '../../bench/arguments.ts';

const benches = (...argv: string[]) => {
  const command = parseCommand(argv);
  return command.kind === 'bench' ? command.benches : [];
};

describe('parseCommand()', () => {
  test('runs everything when nothing is named', () => {
    expect(benches()).toEqual(Object.values(GROUPS).flat());
    expect(benches('--quick')).toHaveLength(benches().length);
  });

  test('takes groups and names, each bench once and in its order', () => {
    expect(benches('scale', 'seal', 'unit', 'seal')).toEqual([...GROUPS.unit, ...GROUPS.scale]);
    expect(benches('flows')).toEqual(['flows']);
  });

  test('takes a group before a bench of its name', () => {
    expect(benches('end-to-end')).toEqual(['end-to-end', 'flows', 'l2']);
  });

  test('hands options to the benches that understand them', () => {
    const argv = [
      'unit',
      '--json',
      'out.json',
      '--quick',
      '--no-offload',
      '--rounds',
      '4',
      '--base',
      'plain',
    ];
    expect(parseCommand(argv)).toMatchObject({
      json: 'out.json',
      tunnelArguments: ['--quick', '--no-offload', '--rounds', '4', '--base', 'plain'],
      commonArguments: ['--quick'],
    });
  });

  test('refuses what it does not know, and options without their value', () => {
    expect(() => parseCommand(['sael'])).toThrow("no bench 'sael'");
    expect(() => parseCommand(['--json'])).toThrow('--json needs a value');
    expect(() => parseCommand(['--rounds', '--quick'])).toThrow('--rounds needs a value');
  });

  test('reads the report command', () => {
    expect(parseCommand(['report', 'a.json'])).toEqual({ kind: 'report', file: 'a.json', into: null });
    expect(parseCommand(['report', 'a.json', '--into', 'b.md'])).toMatchObject({ into: 'b.md' });
    expect(() => parseCommand(['report'])).toThrow('usage');
    expect(() => parseCommand(['report', 'a.json', '--into'])).toThrow('usage');
    expect(() => parseCommand(['report', 'a.json', 'b.json'])).toThrow('usage');
  });
});

test('every bench that is named has its file', () => {
  const missing = Object.values(GROUPS)
    .flat()
    .filter((name) => !existsSync(new URL(`../../bench/${name}.bench.ts`, import.meta.url)));
  expect(missing).toEqual([]);
});
