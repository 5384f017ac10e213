/**
 * Runs the variants of a bench, each in a process of its own: call sites that two variants
 * share would turn polymorphic and lie.
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type Case, type Effort, measure } from './measure.ts';
import { type Figure, type Figures, perSecond } from './results.ts';
import { ratio, summarize } from './statistics.ts';
import { figure } from './text-table.ts';

const THOROUGH: Effort = { runs: 7, runMs: 100 };
const QUICK: Effort = { runs: 5, runMs: 40 };
const NAME_LEN = 52;

export interface Variant {
  readonly name: string;
  /** Name of the variant that this one is compared with. */
  readonly base?: string;
  /** Processes of this variant, where they are not those of all. */
  readonly processes?: number;
  /** Builds the case, checks that it does what it should, and gives what is measured. */
  prepare(): Case;
}

export interface BenchOptions {
  readonly unit?: string;
  /** Nanoseconds in the unit of a timed case. */
  readonly nsPerUnit?: number;
  /** Processes a variant, interleaved: where the place of things in memory matters. */
  readonly processes?: number;
  /** Runs in each process, when it is not for the harness to say. */
  readonly runs?: number;
  /** Of the measuring process: '--expose-gc'. */
  readonly nodeFlags?: readonly string[];
  /** What is to be said about the figures. */
  notes?(figures: readonly Figure[]): readonly string[];
}

/**
 * As a program: measures all variants and prints them.
 *
 *     node dist/bench/NAME.bench.js [--quick] [--json FILE] [--variant NAME]
 *
 * With `--variant` this process measures that one itself and prints its runs as JSON.
 *
 * @param url      import.meta.url of the bench.
 * @param question What the bench answers.
 */
export function bench(
  url: string,
  question: string,
  variants: readonly Variant[],
  options: BenchOptions = {},
): void {
  const { values } = parseArgs({
    options: { quick: { type: 'boolean' }, json: { type: 'string' }, variant: { type: 'string' } },
  });
  const standard = values.quick === true ? QUICK : THOROUGH;
  const effort = { ...standard, runs: options.runs ?? standard.runs };
  if (values.variant !== undefined) {
    const own = variants.find(({ name }) => name === values.variant);
    if (own === undefined) throw new RangeError(`There is no variant '${values.variant}'`);
    console.log(JSON.stringify(measure(own.prepare(), effort)));
    return;
  }
  const { unit = 'ns a packet' } = options;
  console.log(question);
  const figures = measureAll(url, variants, options, values.quick === true ? ['--quick'] : []);
  const notes = [...(options.notes?.(figures) ?? [])];
  for (const note of notes) console.log(`  ${note}`);
  const record: Figures = {
    kind: 'figures',
    bench: basename(fileURLToPath(url)).replace(/\.bench\.[jt]s$/, ''),
    question,
    unit,
    figures,
    notes,
  };
  if (values.json !== undefined) writeFileSync(values.json, JSON.stringify(record));
}

function measureAll(
  url: string,
  variants: readonly Variant[],
  options: BenchOptions,
  args: readonly string[],
): Figure[] {
  const { unit = 'ns a packet', nsPerUnit = 1, processes = 1, nodeFlags = [] } = options;
  const runs = variants.map((): number[] => []);
  const figures: Figure[] = [];
  const conclude = (i: number, { name, base }: Variant) => {
    const own = runs[i] ?? [];
    const summary = summarize(own);
    const compared = figures.find((other) => other.name === base)?.value ?? null;
    const times = ratio(summary.value, compared);
    const concluded: Figure = { name, ...summary, runs: own.length, base: base ?? null, ratio: times };
    figures.push(concluded);
    console.log(line(concluded, unit));
  };
  const rounds = Math.max(...variants.map((variant) => variant.processes ?? processes));
  for (let round = 1; round <= rounds; round++) {
    if (rounds > 1) console.error(`  process ${round} of ${rounds} of each case`);
    for (const [i, variant] of variants.entries()) {
      if (round > (variant.processes ?? processes)) continue;
      const argv = [...nodeFlags, fileURLToPath(url), '--variant', variant.name, ...args];
      const measured = JSON.parse(execFileSync(process.execPath, argv, { encoding: 'utf8' })) as number[];
      runs[i]?.push(...measured.map((value) => value / nsPerUnit));
      if (rounds === 1) conclude(i, variant);
    }
  }
  if (rounds > 1) variants.forEach((variant, i) => void conclude(i, variant));
  return figures;
}

function line({ name, value, least, most, base, ratio: times }: Figure, unit: string): string {
  const cell = (number: number) => figure(number).padStart(7);
  const rate = perSecond(value, unit);
  return [
    `  ${name.padEnd(NAME_LEN)}`,
    `${cell(value)} ${unit}`,
    ...(rate === null ? [] : [`${cell(rate)} M/s`]),
    `[${cell(least)} –${cell(most)} ]`,
    ...(times === null ? [] : [`${figure(times)} × ${base}`]),
  ].join('  ');
}
