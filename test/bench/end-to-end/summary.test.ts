import { describe, expect, test } from 'vitest';
import { METRICS } from '../../../bench/end-to-end/metrics.ts';
import { medianOf, summaryTables } from '../../../bench/end-to-end/summary.ts';
import type { Comparison, TunnelRounds } from '../../../bench/results.ts';

const tunnel = (name: string, rounds: TunnelRounds['rounds']): TunnelRounds => ({
  name,
  about: name,
  rounds,
  failures: [],
});
const comparison = (base: string, tunnels: TunnelRounds[]): Comparison => ({
  kind: 'comparison',
  bench: 'end-to-end',
  question: '',
  base,
  settings: '',
  tunnels,
  missing: [],
  notes: [],
});

const ICX = tunnel('icx', [{ tcp1: 6, cpu: 2 }, { tcp1: 5 }, { tcp1: 9, cpu: 4 }]);
const PLAIN = tunnel('plain', [
  { tcp1: 12, cpu: null },
  { tcp1: 12, cpu: null },
]);

describe('medianOf()', () => {
  test('passes over rounds without a value', () => {
    expect(medianOf(ICX, 'tcp1')).toBe(6);
    expect(medianOf(ICX, 'cpu')).toBe(3);
  });

  test('is null where nothing was measured', () => {
    expect(medianOf(PLAIN, 'cpu')).toBeNull();
    expect(medianOf(PLAIN, 'rss')).toBeNull();
  });
});

describe('summaryTables()', () => {
  test('gives medians with their spread, and ratios to the base', () => {
    const [medians, ratios] = summaryTables(comparison('plain', [PLAIN, ICX]));
    expect(medians?.title).toBe('medians of 3 rounds');
    expect(medians?.rows.map((row) => row.slice(0, 2))).toEqual([
      ['plain', '12.0 (12.0–12.0)'],
      ['icx', '6.00 (5.00–9.00)'],
    ]);
    expect(ratios?.rows.map((row) => row.slice(0, 2))).toEqual([
      ['plain', '1.00'],
      ['icx', '0.500'],
    ]);
    const cpuAt = 1 + METRICS.findIndex(({ key }) => key === 'cpu');
    expect(medians?.rows.at(1)?.at(cpuAt)).toBe('3.00 (2.00–4.00)');
    expect(ratios?.rows.at(1)?.at(cpuAt)).toBe('–');
  });

  test('leaves out tunnels that never ran, and ratios to one of them', () => {
    const tables = summaryTables(comparison('plain', [tunnel('plain', []), ICX]));
    expect(tables).toHaveLength(1);
    expect(tables[0]?.rows.map(([name]) => name)).toEqual(['icx']);
  });
});
