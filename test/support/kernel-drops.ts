/** Packets that a host's kernel dropped because the agent did not get the processor in time. */
import type { Namespace } from './netns.ts';

/**
 * Packets that found an interface's transmit queue full.
 *
 * For a TUN device those never reached the agent: on a starved machine they are the machine's
 * loss, not the tunnel's.
 */
export function queueDrops(host: Namespace, device: string): number {
  const [link] = JSON.parse(host.ip(`-s -json link show dev ${device}`)) as Link[];
  return link?.stats64.tx.dropped ?? 0;
}

interface Link {
  readonly stats64: { readonly tx: { readonly dropped: number } };
}
