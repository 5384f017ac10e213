/** What the figures were measured on. */
import { cpus, release } from 'node:os';
import type { Results } from './results.ts';

export function describeMachine(): Results['machine'] {
  const [first] = cpus();
  return {
    cpu: first?.model.trim() ?? 'unknown',
    cores: cpus().length,
    kernel: `Linux ${release()}`,
    node: process.version,
  };
}
