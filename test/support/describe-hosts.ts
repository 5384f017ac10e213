/** Test groups that need network namespaces: skipped without privileges, with the reason printed. */
import { describe } from 'vitest';
import { skipReason } from './netns.ts';

const reason = skipReason();

export function describeHosts(name: string, body: () => void): void {
  if (reason === null) {
    describe(name, body);
    return;
  }
  process.stderr.write(`skipped: ${name}: ${reason}\n`);
  describe.skip(`${name} (${reason})`, body);
}
