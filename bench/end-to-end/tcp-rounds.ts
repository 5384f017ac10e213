/** TCP throughput of a few variants of one tunnel, in rounds that alternate between them. */
import { writeFileSync } from 'node:fs';
import type { Figure, Figures } from '../results.ts';
import { ratio, summarize } from '../statistics.ts';
import { figure, plainTable } from '../text-table.ts';
import { withTunnel } from './cell.ts';
import type { EndToEndOptions } from './options.ts';
import { tcp } from './traffic.ts';
import type { Tunnel } from './tunnel.ts';

export interface TcpRounds {
  /** Name of the bench. */
  readonly bench: string;
  readonly question: string;
  /** The first is what the others are compared with. */
  readonly tunnels: readonly Tunnel[];
  readonly streams: number;
}

const UNIT = 'Gbit/s';
/** Rounds that make a spread, where the options ask for fewer. */
const LEAST_ROUNDS = 3;
const COLUMNS = [
  { title: '', align: 'left' },
  { title: UNIT, align: 'right' },
  { title: 'spread', align: 'right' },
  { title: 'ratio', align: 'right' },
] as const;

/** Measures, prints a table, and writes the file that the options ask for. */
export async function compareTcp(
  { bench, question, tunnels, streams }: TcpRounds,
  options: EndToEndOptions,
): Promise<void> {
  const runs = tunnels.map((): number[] => []);
  const rounds = Math.max(LEAST_ROUNDS, options.rounds);
  for (let round = 1; round <= rounds; round++) {
    for (const [i, tunnel] of tunnels.entries()) {
      const { bitsPerSecond } = await withTunnel(tunnel, options.noOffload, (site) =>
        tcp(site, tunnel.target, options.seconds, ['-P', `${streams}`]),
      );
      runs[i]?.push(bitsPerSecond / 1e9);
      console.error(`round ${round} of ${rounds}, ${tunnel.name}: ${figure(bitsPerSecond / 1e9)} ${UNIT}`);
    }
  }
  const names = tunnels.map(({ name }) => name);
  const figures = summarizeRuns(names, runs);
  const rows = figures.map(({ name, value, least, most, ratio: times }) => [
    name,
    figure(value),
    `${figure(least)}–${figure(most)}`,
    figure(times),
  ]);
  console.log(`${question}\n${plainTable(COLUMNS, rows)}`);
  const record: Figures = { kind: 'figures', bench, question, unit: UNIT, figures, notes: [] };
  if (options.json !== null) writeFileSync(options.json, JSON.stringify(record));
}

/** Median and spread of each, and what the medians are beside the first's. */
export function summarizeRuns(names: readonly string[], runs: readonly (readonly number[])[]): Figure[] {
  const [base, ...others] = runs.map(summarize);
  if (base === undefined) return [];
  return [base, ...others].map((summary, i) => ({
    ...summary,
    name: names[i] ?? '',
    runs: runs[i]?.length ?? 0,
    base: i === 0 ? null : (names[0] ?? null),
    ratio: i === 0 ? null : ratio(summary.value, base.value),
  }));
}
