import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { BEGIN, END, renderReport, replaceTables } from '../../bench/report.ts';
import { RESULTS, type Results } from '../../bench/results.ts';

const FIGURES = {
  kind: 'figures',
  bench: 'seal',
  question: 'sealing packets',
  unit: 'ns a packet',
  figures: [
    { name: 'slow', value: 1_000, least: 900, most: 1_100, runs: 7, base: null, ratio: null },
    { name: 'fast', value: 250, least: 240, most: 260, runs: 7, base: 'slow', ratio: 0.25 },
  ],
  notes: ['flat'],
} as const;
const COMPARISON = {
  kind: 'comparison',
  bench: 'end-to-end',
  question: 'whole tunnels',
  base: 'other',
  settings: '2 rounds',
  tunnels: [
    { name: 'icx', about: 'this build', rounds: [{ tcp1: 6 }], failures: [] },
    { name: 'other', about: 'v1', rounds: [{ tcp1: 2 }], failures: [] },
  ],
  missing: [{ name: 'wireguard', hint: 'a kernel' }],
  notes: [],
} as const;

const results = (...records: readonly unknown[]): Results =>
  RESULTS.parse({
    machine: { cpu: 'EPYC', cores: 2, kernel: 'Linux 6.18', node: 'v20.20.2' },
    command: 'npm run bench',
    startedAt: '2026-01-02T03:04:05.000Z',
    records,
  });

describe('renderReport()', () => {
  test('says what was measured on', () => {
    const text = renderReport(results());
    expect(text.split('\n')).toEqual([
      '- machine: EPYC, 2 cores',
      '- kernel: Linux 6.18',
      '- Node.js: v20.20.2',
      '- date: 2026-01-02',
      '- command: `npm run bench`',
    ]);
  });

  test('makes a table of figures, with rate and ratio', () => {
    const text = renderReport(results(FIGURES));
    expect(text).toContain('### Sealing packets');
    expect(text).toContain('medians of 7 runs');
    expect(text).toContain('| slow | 1,000 | 900 – 1,100 | 1.00 |  |');
    expect(text).toContain('| fast | 250 | 240 – 260 | 4.00 | 0.250 × slow |');
    expect(text).toContain('- flat');
  });

  test('says so where some cases were run oftener', () => {
    const [slow, fast] = FIGURES.figures;
    const text = renderReport(results({ ...FIGURES, figures: [slow, { ...fast, runs: 35 }] }));
    expect(text).toContain('medians of 7 to 35 runs');
  });

  test('leaves out the rate of what is no time, and the ratio where nothing is compared', () => {
    const bytes = { ...FIGURES, unit: 'bytes', figures: FIGURES.figures.slice(0, 1) };
    expect(renderReport(results(bytes))).toContain('| case | bytes | least – most |\n');
  });

  test('makes tables of a comparison, with what is missing', () => {
    const text = renderReport(results(COMPARISON));
    expect(text).toContain("In units of other's medians");
    expect(text).toMatch(/\| icx \| 6\.00 \|/);
    expect(text).toMatch(/\| icx \| 3\.00 \|/);
    expect(text).toContain('- icx: this build');
    expect(text).toContain('- wireguard: missing here; a kernel');
  });
});

describe('replaceTables()', () => {
  test('replaces what is between the markers and nothing else', () => {
    const once = replaceTables(`a\n${BEGIN}\nold\n${END}\nb\n`, 'new');
    expect(once).toBe(`a\n${BEGIN}\n\nnew\n\n${END}\nb\n`);
    expect(replaceTables(once, 'new')).toBe(once);
  });

  test('refuses a document without them', () => {
    expect(() => replaceTables('a', 'new')).toThrow('lacks the lines');
    expect(() => replaceTables(`${END}${BEGIN}`, 'new')).toThrow('lacks the lines');
  });

  test('knows the markers of docs/performance.md', () => {
    const document = readFileSync(new URL('../../docs/performance.md', import.meta.url), 'utf8');
    expect(replaceTables(document, 'new')).toContain('new');
  });
});
