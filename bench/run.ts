/** `npm run bench`: runs benches one after the other, or renders what they found. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BenchCommand, isTunnelBench, parseCommand, type ReportCommand } from './arguments.ts';
import { describeMachine } from './machine.ts';
import { renderReport, replaceTables } from './report.ts';
import { type BenchRecord, RECORD, RESULTS, type Results } from './results.ts';

/** The one that runs now. A signal ends it and all that would follow; it removes what it made. */
let running: ChildProcess | null = null;
let stopSignal: NodeJS.Signals | null = null;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    stopSignal = signal;
    running?.kill(signal);
  });
}

/** @returns Whether it came to its end. */
function runBench(name: string, args: readonly string[]): Promise<boolean> {
  const entry = fileURLToPath(new URL(`./${name}.bench.js`, import.meta.url));
  const child = spawn(process.execPath, [entry, ...args], { stdio: 'inherit' });
  running = child;
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve(code === 0));
  });
}

/** @returns Whether all benches came to their end. */
async function runBenches(command: BenchCommand): Promise<boolean> {
  const { benches, json, commonArguments, tunnelArguments } = command;
  const startedAt = new Date().toISOString();
  const directory = mkdtempSync(join(tmpdir(), 'icx-bench-run-'));
  const records: BenchRecord[] = [];
  let failed = 0;
  try {
    for (const name of benches) {
      if (stopSignal !== null) return false;
      const file = join(directory, `${name}.json`);
      const args = isTunnelBench(name) ? tunnelArguments : commonArguments;
      if (!(await runBench(name, ['--json', file, ...args]))) failed++;
      const record = readRecord(file);
      if (record !== null) records.push(record);
      console.log('');
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
  const text = ['npm run bench', ...describeArguments()].join(' ');
  const results: Results = { machine: describeMachine(), command: text, startedAt, records };
  if (json !== null) writeFileSync(json, `${JSON.stringify(results, null, 2)}\n`);
  if (failed > 0) console.error(`${failed} of ${benches.length} benches failed`);
  return failed === 0;
}

/** As they were given, but for the file of the results. */
function describeArguments(): string[] {
  const argv = process.argv.slice(2);
  const at = argv.indexOf('--json');
  const shown = at < 0 ? argv : argv.toSpliced(at, 2);
  return shown.length === 0 ? [] : ['--', ...shown];
}

/** @returns null when the bench wrote none. */
function readRecord(file: string): BenchRecord | null {
  try {
    return RECORD.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

function report({ file, into }: ReportCommand): void {
  const tables = renderReport(RESULTS.parse(JSON.parse(readFileSync(file, 'utf8'))));
  if (into === null) console.log(tables);
  else writeFileSync(into, replaceTables(readFileSync(into, 'utf8'), tables));
}

try {
  const command = parseCommand(process.argv.slice(2));
  if (command.kind === 'report') report(command);
  else if (!(await runBenches(command))) process.exitCode = 1;
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
