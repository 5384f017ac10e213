/** Where the compiled program is: child processes can't run TypeScript on Node 20. */
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const HERE = dirname(fileURLToPath(import.meta.url));
/** The compiled modules, for helper programs that load some of them. */
export const DIST = process.env.ICX_TEST_DIST ?? resolve(HERE, '../../dist');

/** Entry point of the program under test, for `node MAIN …`. */
export const MAIN = join(DIST, 'cli/main.js');

/** Path of a helper program of the tests. */
export function program(name: string): string {
  return join(HERE, 'programs', name);
}

/** @throws {Error} when the program was not compiled: `npm test` does that, `npx vitest` does not. */
export function requireDist(): void {
  if (!existsSync(MAIN)) throw new Error(`${MAIN} is not there: run npm run build`);
}
