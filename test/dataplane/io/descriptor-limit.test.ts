/** How many descriptors the process may have, as Node's own report says. */
import { expect, test } from 'vitest';
import { descriptorLimit } from '../../../dataplane/io/descriptor-limit.ts';

test('descriptorLimit() gives the soft limit', () => {
  expect(descriptorLimit()).toBe(softLimit());
});

function softLimit(): number {
  const { userLimits } = process.report.getReport() as unknown as {
    userLimits: { open_files: { soft: number } };
  };
  return userLimits.open_files.soft;
}
