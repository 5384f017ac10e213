import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CONFIG_EXAMPLES } from '../../../cli/config/examples.ts';
import { ConfigDir, publicKeyText } from './config-dir.ts';

let dir: ConfigDir;
beforeAll(() => {
  dir = new ConfigDir();
});
afterAll(() => dir.remove());

/** With keys where the text tells what to put. */
function filledIn(toml: string): string {
  return toml
    .replace(/"[^"\n]*private\.key"/, '"own.key"')
    .replace(/"[^"\n]*icx pubkey[^"\n]* on host.A[^"\n]*"/i, `"${publicKeyText(2)}"`)
    .replace(/"[^"\n]*icx pubkey[^"\n]* on host.B[^"\n]*"/i, `"${publicKeyText(3)}"`)
    .replace(/"[^"\n]*icx pubkey[^"\n]* on host.C[^"\n]*"/i, `"${publicKeyText(4)}"`);
}

describe('the examples', () => {
  test.each(CONFIG_EXAMPLES.map(({ title, toml }) => [title, toml]))('%s: is right', (_, toml) => {
    expect(dir.problems(filledIn(toml ?? ''))).toEqual([]);
  });

  test('of the README are right', () => {
    const readme = readFileSync(new URL('../../../README.md', import.meta.url), 'utf8');
    const examples = [...readme.matchAll(/```toml\n(.*?)```/gs)].map(([, text = '']) => text);
    expect(examples.length).toBeGreaterThanOrEqual(3);
    for (const toml of examples) expect(dir.problems(filledIn(toml))).toEqual([]);
  });
});
