import { describe, expect, test } from 'vitest';
import { figure, markdownTable, plainTable } from '../../bench/text-table.ts';

const COLUMNS = [
  { title: 'case', align: 'left' },
  { title: 'ns', align: 'right' },
] as const;

test('figure() keeps three digits that count', () => {
  expect([0.0123, 1.234, 12.34, 123.4, 12_345.6, -1.5].map(figure)).toEqual([
    '0.012',
    '1.23',
    '12.3',
    '123',
    '12,346',
    '-1.50',
  ]);
});

test('figure() has a dash for what was not measured', () => {
  expect([null, Number.NaN, Number.POSITIVE_INFINITY].map(figure)).toEqual(['–', '–', '–']);
});

describe('plainTable()', () => {
  test('pads to the widest cell and ends no line with a space', () => {
    const rows = [
      ['seal', '255'],
      ['a longer name', '1'],
    ];
    expect(plainTable(COLUMNS, rows)).toBe(
      ['case            ns', 'seal           255', 'a longer name    1'].join('\n'),
    );
  });

  test('takes rows that are too short', () => {
    expect(plainTable(COLUMNS, [['x']])).toBe('case  ns\nx');
  });
});

describe('markdownTable()', () => {
  test('aligns by column', () => {
    expect(markdownTable(COLUMNS, [['seal', '255']])).toBe(
      ['| case | ns |', '| --- | ---: |', '| seal | 255 |'].join('\n'),
    );
  });

  test('escapes bars and fills rows that are too short', () => {
    expect(markdownTable(COLUMNS, [['a|b']]).split('\n')[2]).toBe('| a\\|b |  |');
  });
});
