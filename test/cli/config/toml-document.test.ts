import { describe, expect, test } from 'vitest';
import { parseToml, type TomlDocument } from '../../../cli/config/toml-document.ts';

function document(text: string): TomlDocument {
  const parsed = parseToml(text);
  if ('message' in parsed) throw new Error(String(parsed.message));
  return parsed as TomlDocument;
}

describe('parseToml()', () => {
  const doc = document(`a = 1
[t]
list = [
  "x",
  "y",
]
[[p]]
[[p]]
in = { z = 1 }
dotted.key = 2
`);

  test.each([
    [['a'], 1],
    [['t'], 2],
    [['t', 'list'], 3],
    [['t', 'list', 1], 5],
    [['t', 'list', 9], 3],
    [['p'], 7],
    [['p', 1], 8],
    [['p', 1, 'in', 'z'], 9],
    [['p', 1, 'dotted', 'key'], 10],
    [['p', 1, 'dotted'], 10],
    [['p', 1, 'missing'], 8],
    [['missing'], 1],
    [[], 1],
  ])('knows the line of %j', (path, line) => expect(doc.lineOf(path)).toBe(line));

  test('gives plain values', () => {
    expect(doc.root).toEqual({
      a: 1,
      t: { list: ['x', 'y'] },
      p: [{}, { in: { z: 1 }, dotted: { key: 2 } }],
    });
  });

  test('gives the place of an unterminated string', () => {
    expect(parseToml('a = 1\nb = "x\nc = 2\n')).toMatchObject({ line: 2, hint: 'close the double quote' });
  });

  test('survives deep nesting', () => {
    const parsed = parseToml(`a = ${'['.repeat(100_000)}`);
    expect(parsed).toHaveProperty('message');
  });
});
