/** `npm run bench`: runs benches one after the other, or renders what they found. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BenchCommand, isTunnelBench, parseCommand, type ReportCommand } from './arguments.ts';
import { describeMachine } from './machine.ts';
import { renderReport, replaceTables } from './report.ts';
import { type BenchRecord, RECORD, RESULTS, type Results } from './results.ts';

/** @returns Whether all benches came to their end. */
function runBenches({ benches, json, commonArguments, tunnelArguments }: BenchCommand): boolean {
  const startedAt = new Date().toISOString();
  const directory = mkdtempSync(join(tmpdir(), 'icx-bench-run-'));
  const records: BenchRecord[] = [];
  let failed = 0;
  try {
    for (const name of benches) {
      const file = join(directory, `${name}.json`);
      const entry = fileURLToPath(new URL(`./${name}.bench.js`, import.meta.url));
      const args = isTunnelBench(name) ? tunnelArguments : commonArguments;
      const { status } = spawnSync(process.execPath, [entry, '--json', file, ...args], { stdio: 'inherit' });
      if (status !== 0) failed++;
      const record = readRecord(file);
      if (record !== null) records.push(record);
      console.log('');
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
  const command = ['npm run bench', ...describeArguments()].join(' ');
  const results: Results = { machine: describeMachine(), command, startedAt, records };
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
  else if (!runBenches(command)) process.exitCode = 1;
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
