/** A peer's progress, from what the queues answer and what their counters show. */
import type { PeerProgress } from '../contract.ts';
import type { CounterBlock } from '../path/counters.ts';
import { formatEndpoint } from '../wire/endpoint.ts';
import type { WorkerProgress } from './messages.ts';
import { nowMs } from './now.ts';

/** @param answers One a queue; null of one that is gone. */
export function peerProgress(
  answers: readonly (WorkerProgress | null)[],
  totals: ReturnType<typeof CounterBlock.sum>,
): PeerProgress {
  const words = answers.find((answer) => answer?.endpointWords)?.endpointWords ?? null;
  return {
    endpoint: words === null ? null : formatEndpoint(words),
    ...totals,
    lastRxAtMs: unixTime(totals.lastRxAtMs),
    txSas: answers.flatMap((answer) => [...(answer?.tx ?? [])]),
    rxSas: answers.flatMap((answer) => [...(answer?.rx ?? [])]),
  };
}

/** The queues' clock does not follow when somebody sets the host's. */
function unixTime(queueMs: number): number {
  return queueMs === 0 ? 0 : queueMs + Date.now() - nowMs();
}
