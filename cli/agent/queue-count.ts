/** How many queues `queues = "auto"` makes. */
import { availableParallelism } from 'node:os';

/** Beyond this the kernel's side of the tunnel is the limit. */
const MAX_AUTO_QUEUES = 4;

/**
 * One queue for every two cores: the other of each pair runs the applications and the kernel's
 * side of the tunnel.
 */
export function queueCount(setting: number | 'auto', cores: number = availableParallelism()): number {
  if (setting !== 'auto') return setting;
  return Math.min(MAX_AUTO_QUEUES, Math.max(1, Math.floor(cores / 2)));
}
