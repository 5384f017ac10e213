/** The plugin starts anew for every container: what it loads before it works must stay little. */
import { readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const MAIN = resolve(dirname(fileURLToPath(import.meta.url)), '../../cni/main.ts');

/** Adds all that a file loads, itself included; what is imported on demand is not. */
function collect(file: string, found: Set<string>): Set<string> {
  if (found.has(file)) return found;
  found.add(file);
  if (!file.startsWith('/')) return found;
  const imports = readFileSync(file, 'utf8').matchAll(/^(?:import|export) (?!type )[^;]*?from '([^']+)';/gm);
  for (const [, specifier = ''] of imports) {
    collect(specifier.startsWith('.') ? join(dirname(file), specifier) : specifier, found);
  }
  return found;
}

test('the plugin loads nothing but its own files and node:fs', () => {
  const loaded = [...collect(MAIN, new Set())];
  expect(loaded.length).toBeGreaterThan(15);
  expect(loaded.filter((name) => !name.startsWith('/')).sort()).toEqual(['node:fs', 'node:path']);
});
