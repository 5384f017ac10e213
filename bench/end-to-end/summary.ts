/** What the rounds of a comparison come to. */
import type { Comparison, TunnelRounds } from '../results.ts';
import { median, ratio } from '../statistics.ts';
import { type Column, figure, type Row } from '../text-table.ts';
import { METRICS, type MetricKey } from './metrics.ts';

export interface SummaryTable {
  readonly title: string;
  readonly columns: readonly Column[];
  readonly rows: readonly Row[];
}

/** Median over the rounds; null where nothing was measured. */
export function medianOf(tunnel: TunnelRounds, key: MetricKey): number | null {
  const values = tunnel.rounds.map((round) => round[key] ?? null).filter((value) => value !== null);
  return values.length === 0 ? null : median(values);
}

/** The medians, and how many times those of the base they are. */
export function summaryTables(comparison: Comparison): SummaryTable[] {
  const tunnels = comparison.tunnels.filter(({ rounds }) => rounds.length > 0);
  const base = tunnels.find(({ name }) => name === comparison.base);
  const columns = (unit: (metric: (typeof METRICS)[number]) => string): Column[] => [
    { title: 'tunnel', align: 'left' },
    ...METRICS.map((metric) => ({ title: `${metric.title}${unit(metric)}`, align: 'right' }) as const),
  ];
  const rounds = Math.max(0, ...tunnels.map((tunnel) => tunnel.rounds.length));
  const medians: SummaryTable = {
    title: `medians of ${rounds} round${rounds === 1 ? '' : 's'}`,
    columns: columns(({ unit }) => `, ${unit}`),
    rows: tunnels.map((tunnel) => [tunnel.name, ...METRICS.map(({ key }) => withSpread(tunnel, key))]),
  };
  if (base === undefined) return [medians];
  const ratios: SummaryTable = {
    title: `in units of ${base.name}'s medians`,
    columns: columns(() => ''),
    rows: tunnels.map((tunnel) => [
      tunnel.name,
      ...METRICS.map(({ key }) => figure(ratio(medianOf(tunnel, key), medianOf(base, key)))),
    ]),
  };
  return [medians, ratios];
}

/** '6.31 (6.20–6.40)'; the spread is left out where there is none. */
function withSpread(tunnel: TunnelRounds, key: MetricKey): string {
  const values = tunnel.rounds.map((round) => round[key] ?? null).filter((value) => value !== null);
  const middle = figure(medianOf(tunnel, key));
  if (values.length < 2) return middle;
  return `${middle} (${figure(Math.min(...values))}–${figure(Math.max(...values))})`;
}
