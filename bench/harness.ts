/**
 * Runs the variants of a bench, each in a process of its own: call sites that two variants
 * share would turn polymorphic and lie.
 */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const RUNS = 7;
const RUN_MS = 150;

export interface Variant {
  readonly name: string;
  /** Builds the case, checks that it does what it should, and gives what is timed. */
  prepare(): { readonly packets: number; run(): void };
}

export interface Result {
  readonly name: string;
  /** Median over the runs, and the least and the most. */
  readonly nsPerPacket: number;
  readonly range: readonly [least: number, most: number];
}

/**
 * As a program: measures the variant named by the first argument, or all of them, and prints.
 *
 * @param url      import.meta.url of the bench.
 * @param question What the bench answers.
 */
export function bench(url: string, question: string, variants: readonly Variant[]): void {
  const [, , only, isJson] = process.argv;
  const own = variants.find(({ name }) => name === only);
  if (own !== undefined && isJson === '--json') {
    console.log(JSON.stringify(measure(own)));
    return;
  }
  console.log(question);
  for (const { name } of variants) {
    const args = [...process.execArgv, fileURLToPath(url), name, '--json'];
    print(JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' })));
  }
}

function measure(variant: Variant): Result {
  const { packets, run } = variant.prepare();
  time(run, RUN_MS);
  const runs = Array.from({ length: RUNS }, () => time(run, RUN_MS) / packets).sort((a, b) => a - b);
  const at = (i: number) => runs[i] ?? Number.NaN;
  return { name: variant.name, nsPerPacket: at(RUNS >> 1), range: [at(0), at(RUNS - 1)] };
}

/** @returns ns of CPU time per call, which a busy machine disturbs less than time on the wall. */
function time(run: () => void, forMs: number): number {
  const start = cpuNs();
  const end = start + forMs * 1e6;
  let calls = 0;
  let now = start;
  for (; now < end; now = cpuNs()) {
    for (let i = 0; i < 64; i++) run();
    calls += 64;
  }
  return (now - start) / calls;
}

function cpuNs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) * 1_000;
}

function print({ name, nsPerPacket, range }: Result): void {
  const figure = (value: number) => value.toFixed(1).padStart(8);
  const mpps = (1_000 / nsPerPacket).toFixed(2).padStart(7);
  console.log(
    `${name.padEnd(44)} ${figure(nsPerPacket)} ns a packet  ${mpps} M/s  [${range.map(figure).join(' –')} ]`,
  );
}
