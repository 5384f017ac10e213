/**
 * How long does a container wait for its network, alone and beside many others?
 *
 *     node dist/bench/cni.bench.js [--quick] [--json FILE] [--cycles N]
 *
 * With `--cycles` nothing is measured: N containers come and go by the plugin.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { type Mode, Runtime, Spaces } from './containers/runtime.ts';
import { requireTools } from './end-to-end/requirements.ts';
import { exitOnSignals } from './end-to-end/signals.ts';
import { Site } from './end-to-end/site.ts';
import type { Figure, Figures } from './results.ts';
import { percentile } from './statistics.ts';
import { figure, plainTable } from './text-table.ts';

const QUESTION =
  'time until a container has its network, masqueraded; with the start of the plugin, and in the agent alone';
const MODES: readonly Mode[] = ['l3', 'l2'];
const COLUMNS = [
  { title: '', align: 'left' },
  { title: 'p50', align: 'right' },
  { title: 'p99', align: 'right' },
  { title: 'most', align: 'right' },
] as const;

interface Effort {
  readonly attached: readonly number[];
  readonly calls: number;
}

const THOROUGH: Effort = { attached: [1, 500], calls: 200 };
const QUICK: Effort = { attached: [1, 50], calls: 30 };

interface Measured {
  readonly name: string;
  readonly ms: readonly number[];
}

async function measure(mode: Mode, { attached, calls }: Effort): Promise<Measured[]> {
  const site = new Site(false);
  const spaces = new Spaces();
  try {
    const runtime = new Runtime(site, mode);
    await runtime.untilReady();
    const results: Measured[] = [];
    const spare = spaces.make();
    let others = 0;
    for (const count of attached) {
      for (; others < count; others++) await runtime.attach(others, spaces.make());
      const times = {
        ADD: [] as number[],
        DEL: [] as number[],
        attach: [] as number[],
        detach: [] as number[],
      };
      for (let call = 0; call < calls; call++) {
        times.ADD.push(await runtime.plugin('ADD', 'measured', spare));
        times.DEL.push(await runtime.plugin('DEL', 'measured', spare));
        times.attach.push(await runtime.attach(others, spare));
        times.detach.push(await runtime.detach(others));
      }
      for (const [what, ms] of Object.entries(times)) {
        results.push({ name: `${mode}, beside ${count}: ${what}`, ms });
      }
    }
    return results;
  } finally {
    site.close();
    spaces.close();
  }
}

async function cycle(mode: Mode, cycles: number): Promise<void> {
  const site = new Site(false);
  const spaces = new Spaces();
  try {
    const runtime = new Runtime(site, mode);
    await runtime.untilReady();
    const spare = spaces.make();
    for (let call = 0; call < cycles; call++) {
      await runtime.plugin('ADD', 'cycled', spare);
      await runtime.plugin('DEL', 'cycled', spare);
    }
    console.log(`${mode}: ${cycles} containers came and went`);
  } finally {
    site.close();
    spaces.close();
  }
}

function figureOf(name: string, ms: readonly number[], share: number): Figure {
  const value = percentile(ms, share);
  return {
    name,
    value,
    least: percentile(ms, 0),
    most: percentile(ms, 1),
    runs: ms.length,
    base: null,
    ratio: null,
  };
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { quick: { type: 'boolean' }, json: { type: 'string' }, cycles: { type: 'string' } },
  });
  requireTools(false);
  exitOnSignals();
  if (values.cycles !== undefined) {
    for (const mode of MODES) await cycle(mode, Number(values.cycles));
    return;
  }
  const results: Measured[] = [];
  for (const mode of MODES) results.push(...(await measure(mode, values.quick === true ? QUICK : THOROUGH)));
  console.log(`${QUESTION}; ms\n`);
  const row = ({ name, ms }: Measured) => [
    name,
    ...[0.5, 0.99, 1].map((share) => figure(percentile(ms, share))),
  ];
  console.log(plainTable(COLUMNS, results.map(row)));
  if (values.json === undefined) return;
  const record: Figures = {
    kind: 'figures',
    bench: 'cni',
    question: QUESTION,
    unit: 'ms',
    figures: results.flatMap(({ name, ms }) => [
      figureOf(`${name}, p50`, ms, 0.5),
      figureOf(`${name}, p99`, ms, 0.99),
    ]),
    notes: [],
  };
  writeFileSync(values.json, `${JSON.stringify(record)}\n`);
}

await main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
