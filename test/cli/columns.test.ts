import pc from 'picocolors';
import { expect, test } from 'vitest';
import { columns } from '../../cli/columns.ts';

const PLAIN = pc.createColors(false);

test('columns() pads to the widest cell and ends no line with spaces', () => {
  const rows = [
    ['rx', 'replay', ''],
    ['', 'x', '1234'],
  ];
  expect(columns(['', 'why', 'n'], rows, PLAIN)).toEqual(['    why     n', 'rx  replay', '    x       1234']);
});

test('columns() colours the words of its head alone', () => {
  const [head] = columns(['', 'why'], [['rx', 'x']], pc.createColors(true));
  expect(head).toBe('    \u001b[2mwhy\u001b[22m');
});

test('columns() takes as many rows as a switch knows stations', () => {
  const rows = Array.from({ length: 100_000 }, (_, i) => [String(i), 'x']);
  const startMs = performance.now();
  expect(columns(['', ''], rows, PLAIN)).toHaveLength(100_001);
  expect(performance.now() - startMs).toBeLessThan(3000);
});
