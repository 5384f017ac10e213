/** Keeps the direction of imports: who may know whom. ARCHITECTURE.md explains the table. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '..');

/** Folder or file → what it may import besides itself, libraries and Node. Longest key wins. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  'dataplane/contract.ts': [],
  'dataplane/wire': [],
  'dataplane/route': ['dataplane/wire'],
  'dataplane/sa': ['dataplane/wire', 'dataplane/contract.ts'],
  'dataplane/io': ['dataplane/wire'],
  'dataplane/l2': ['dataplane/wire'],
  // One longest-prefix match and one keyed function for all.
  'dataplane/relay': ['dataplane/wire', 'dataplane/route', 'dataplane/path/chaskey.ts'],
  'dataplane/path': [
    'dataplane/wire',
    'dataplane/sa',
    'dataplane/route',
    'dataplane/l2',
    'dataplane/contract.ts',
  ],
  // The packet code's twin in WebAssembly: the same interfaces, no I/O but reading the module.
  'dataplane/wasm': ['dataplane/path', 'dataplane/sa', 'dataplane/wire'],
  'dataplane/wasm/assembly': [],
  'dataplane/port': ['dataplane/wire', 'dataplane/io'],
  'dataplane/worker': ['dataplane'],
  controlplane: ['dataplane/contract.ts'],
  // Beyond the worker pool: one parser of prefixes, and the sockets that Node does not offer.
  cli: [
    'dataplane/worker',
    'dataplane/contract.ts',
    'dataplane/route/prefix.ts',
    'dataplane/path/drop.ts',
    'dataplane/path/counters.ts',
    'dataplane/path/counter-totals.ts',
    'dataplane/io',
    'controlplane',
    // The agent's side of the plugin.
    'cni',
  ],
  // A program of its own that starts for every container: what it imports, it waits for.
  cni: ['dataplane/route/prefix.ts', 'dataplane/wire/ip-text.ts'],
  // Nothing that ships knows the benches; they may look everywhere.
  bench: ['dataplane', 'controlplane', 'cli'],
};

function sources(dir: string): string[] {
  return readdirSync(join(ROOT, dir), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)));
}

const FILES = ['dataplane', 'controlplane', 'cli', 'cni', 'bench'].flatMap(sources);

function imports(file: string): string[] {
  const text = readFileSync(join(ROOT, file), 'utf8');
  const found = [...text.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)].map((match) => match[1] ?? '');
  return found.map((specifier) => relative(ROOT, resolve(ROOT, dirname(file), specifier)));
}

function within(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}

function ruleFor(file: string): string | undefined {
  return Object.keys(MAY_IMPORT)
    .filter((key) => within(file, key))
    .sort((a, b) => b.length - a.length)[0];
}

describe('architecture', () => {
  test('every source file has a rule', () => {
    expect(FILES.length).toBeGreaterThan(5);
    expect(FILES.filter((file) => ruleFor(file) === undefined)).toEqual([]);
  });

  test('imports go only where the table allows', () => {
    const forbidden = FILES.flatMap((file) => {
      const rule = ruleFor(file) ?? '';
      const allowed = [rule, ...(MAY_IMPORT[rule] ?? [])];
      return imports(file)
        .filter((target) => !allowed.some((folder) => within(target, folder)))
        .map((target) => `${file} imports ${target}`);
    });
    expect(forbidden).toEqual([]);
  });

  test('process.argv, process.env and console exist only in programs', () => {
    const programs = ['cli', 'bench', 'cni/main.ts'];
    const isProgram = (file: string) => programs.some((program) => within(file, program));
    const offenders = FILES.filter((file) => !isProgram(file)).filter((file) =>
      /\bprocess\.(argv|env)\b|\bconsole\./.test(readFileSync(join(ROOT, file), 'utf8')),
    );
    expect(offenders).toEqual([]);
  });

  test('there are no barrels', () => {
    expect(FILES.filter((file) => file.endsWith('/index.ts'))).toEqual([]);
  });

  test('every source file opens with a comment that states its purpose', () => {
    const silent = FILES.filter(
      (file) => !/^(#![^\n]*\n)?\/\*\*/.test(readFileSync(join(ROOT, file), 'utf8')),
    );
    expect(silent).toEqual([]);
  });
});
