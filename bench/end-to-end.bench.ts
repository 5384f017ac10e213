/** How does icx compare with other tunnels, from one host to another on this machine? */
import { writeFileSync } from 'node:fs';
import { measureCell } from './end-to-end/cell.ts';
import { METRICS, type Round } from './end-to-end/metrics.ts';
import { type EndToEndOptions, parseOptions } from './end-to-end/options.ts';
import { requireTools } from './end-to-end/requirements.ts';
import { exitOnSignals } from './end-to-end/signals.ts';
import { summaryTables } from './end-to-end/summary.ts';
import { CONGESTION_CONTROL } from './end-to-end/traffic.ts';
import type { Tunnel } from './end-to-end/tunnel.ts';
import { allTunnels, selectTunnels } from './end-to-end/tunnels.ts';
import { currentBusyShare } from './end-to-end/usage.ts';
import type { Comparison, TunnelRounds } from './results.ts';
import { figure, plainTable } from './text-table.ts';

/** Share of the machine that others may take without being mentioned. */
const BUSY_LIMIT = 0.1;
const QUESTION = 'whole tunnels between two namespaces of this machine';

async function compare(options: EndToEndOptions): Promise<Comparison> {
  const { tunnels, missing, base } = selectTunnels(options, allTunnels(options.queues));
  const results = tunnels.map((tunnel) => ({
    name: tunnel.name,
    about: tunnel.about(),
    rounds: [] as Round[],
    failures: [] as string[],
  }));
  const busy: number[] = [];
  for (const { name, hint } of missing) progress(`${name} is missing: ${hint}`);
  for (let round = 1; round <= options.rounds; round++) {
    for (const [index, tunnel] of tunnels.entries()) {
      progress(`round ${round} of ${options.rounds}, ${tunnel.name}`);
      busy.push(await currentBusyShare());
      try {
        results[index]?.rounds.push(await runCell(tunnel, options));
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        results[index]?.failures.push(why);
        progress(`  failed: ${why}`);
      }
    }
  }
  return {
    kind: 'comparison',
    bench: 'end-to-end',
    question: QUESTION,
    base,
    settings: describeSettings(options),
    tunnels: results,
    missing: [...missing],
    notes: [...describeFailures(results), ...describeOthers(busy)],
  };
}

function runCell(tunnel: Tunnel, options: EndToEndOptions): Promise<Round> {
  return measureCell(tunnel, options, (key, value) => {
    const metric = METRICS.find((other) => other.key === key);
    if (value !== null) progress(`  ${metric?.title} ${figure(value)} ${metric?.unit}`);
  });
}

function describeFailures(tunnels: readonly TunnelRounds[]): string[] {
  return tunnels.flatMap(({ name, failures }) =>
    failures.map((why) => `${name} failed: ${why.split('\n')[0]}`),
  );
}

/** What others took of the machine makes the figures worse, and those of one tunnel more than another's. */
function describeOthers(busy: readonly number[]): string[] {
  const disturbed = busy.filter((share) => share > BUSY_LIMIT).length;
  if (disturbed === 0) return [];
  const most = Math.round(Math.max(...busy) * 100);
  return [
    `the machine was busy with something else before ${disturbed} of ${busy.length} rounds, up to ${most} %`,
  ];
}

function describeSettings({ rounds, seconds, noOffload }: EndToEndOptions): string {
  const link = noOffload ? 'segmentation offload off on the link' : 'the link passes super-packets whole';
  return `inner MTU 1,400, ${rounds} interleaved rounds, ${seconds} s a test, TCP with ${CONGESTION_CONTROL}; ${link}`;
}

function print(comparison: Comparison): void {
  console.log(`${comparison.question}\n${comparison.settings}`);
  for (const { title, columns, rows } of summaryTables(comparison)) {
    console.log(`\n${title}\n${plainTable(columns, rows)}`);
  }
  console.log('');
  for (const { name, about } of comparison.tunnels) console.log(`${name}: ${about}`);
  for (const { name, hint } of comparison.missing) console.log(`${name}: missing; ${hint}`);
  for (const note of comparison.notes) console.log(note);
}

function progress(text: string): void {
  console.error(text);
}

async function main(): Promise<void> {
  const options = parseOptions(process.argv.slice(2));
  requireTools(options.noOffload);
  exitOnSignals();
  const comparison = await compare(options);
  print(comparison);
  if (options.json !== null) writeFileSync(options.json, JSON.stringify(comparison));
  if (comparison.tunnels.some(({ failures }) => failures.length > 0)) process.exitCode = 1;
}

await main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
