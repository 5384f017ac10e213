/** Test groups that need network namespaces: skipped without privileges, with the reason printed. */
import { describe } from 'vitest';
import { skipReason } from './netns.ts';

const noHosts = skipReason();

/** @param missing Why else they can't run here. */
export function describeHosts(name: string, body: () => void, missing: string | null = null): void {
  const reason = noHosts ?? missing;
  if (reason === null) {
    describe(name, body);
    return;
  }
  process.stderr.write(`skipped: ${name}: ${reason}\n`);
  describe.skip(`${name} (${reason})`, body);
}
