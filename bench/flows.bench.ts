/** What does a second queue bring when there are eight flows? */
import { writeFileSync } from 'node:fs';
import { withTunnel } from './end-to-end/cell.ts';
import { parseOptions } from './end-to-end/options.ts';
import { requireTools } from './end-to-end/requirements.ts';
import { exitOnSignals } from './end-to-end/signals.ts';
import { tcp } from './end-to-end/traffic.ts';
import { icx } from './end-to-end/tunnel-icx.ts';
import type { Figure, Figures } from './results.ts';
import { ratio, summarize } from './statistics.ts';
import { figure, plainTable } from './text-table.ts';

const FLOWS = 8;
const UNIT = 'Gbit/s';
/** Rounds that make a spread, where the options ask for fewer. */
const LEAST_ROUNDS = 3;
const COLUMNS = [
  { title: '', align: 'left' },
  { title: UNIT, align: 'right' },
  { title: 'spread', align: 'right' },
  { title: 'ratio', align: 'right' },
] as const;

async function main(): Promise<void> {
  const options = parseOptions(process.argv.slice(2));
  requireTools(options.noOffload);
  exitOnSignals();
  const tunnels = [icx(1, 'one queue'), icx(2, 'two queues')];
  const runs = tunnels.map((): number[] => []);
  const rounds = Math.max(LEAST_ROUNDS, options.rounds);
  for (let round = 1; round <= rounds; round++) {
    for (const [i, tunnel] of tunnels.entries()) {
      const { bitsPerSecond } = await withTunnel(tunnel, options.noOffload, (site) =>
        tcp(site, tunnel.target, options.seconds, ['-P', `${FLOWS}`]),
      );
      runs[i]?.push(bitsPerSecond / 1e9);
      console.error(`round ${round} of ${rounds}, ${tunnel.name}: ${figure(bitsPerSecond / 1e9)} ${UNIT}`);
    }
  }
  const summaries = runs.map(summarize);
  const figures = tunnels.map(({ name }, i): Figure => {
    const { value, least, most } = summaries[i] ?? summarize([]);
    const base = i === 0 ? null : 'one queue';
    return {
      name,
      value,
      least,
      most,
      runs: rounds,
      base,
      ratio: i === 0 ? null : ratio(value, summaries[0]?.value ?? null),
    };
  });
  const question = `TCP throughput of icx with ${FLOWS} streams, by queues`;
  const rows = figures.map(({ name, value, least, most, ratio: times }) => [
    name,
    figure(value),
    `${figure(least)}–${figure(most)}`,
    figure(times),
  ]);
  console.log(`${question}\n${plainTable(COLUMNS, rows)}`);
  const record: Figures = {
    kind: 'figures',
    bench: 'flows',
    question,
    unit: UNIT,
    figures,
    notes: [],
  };
  if (options.json !== null) writeFileSync(options.json, JSON.stringify(record));
}

await main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
