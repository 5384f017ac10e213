/** Compiles the packet code before the tests, when it is older than its sources. */
import { execFileSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const SOURCES = join(ROOT, 'dataplane/wasm/assembly');
const MODULE = join(ROOT, 'dist/dataplane/wasm/offload.wasm');

function changedAtMs(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

export function setup(): void {
  const newest = Math.max(...readdirSync(SOURCES).map((name) => changedAtMs(join(SOURCES, name))));
  if (changedAtMs(MODULE) >= newest) return;
  const asc = join(ROOT, 'node_modules/assemblyscript/bin/asc.js');
  execFileSync(process.execPath, [asc, '--config', 'asconfig.json'], { cwd: ROOT, stdio: 'inherit' });
}
