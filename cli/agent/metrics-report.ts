/** Builds the metrics' snapshot from the same readings as the status. */

import type { CounterTotals } from '../../dataplane/path/counter-totals.ts';
import { CounterBlock } from '../../dataplane/path/counters.ts';
import type {
  AttachmentSnapshot,
  MetricsSnapshot,
  NetworkSnapshot,
  PeerSnapshot,
  SaSnapshot,
} from '../metrics-snapshot.ts';
import { directionTotals, dropsByReason, type PeerReading } from './status-report.ts';

/** @param blocks The counters of each queue, in order. */
export function buildMetrics(
  totals: CounterTotals,
  blocks: readonly CounterBlock[],
  peers: readonly PeerReading[],
  networks: readonly NetworkSnapshot[] = [],
  attachments: readonly AttachmentSnapshot[] = [],
): MetricsSnapshot {
  const { rx, tx } = directionTotals(totals);
  const drops = dropsByReason(totals);
  return {
    peers: peers.map(peerSnapshot),
    networks,
    attachments,
    queues: blocks.map((block, queue) => {
      const { rxPackets, txPackets } = CounterBlock.sumAll([block]);
      return { queue, rxPackets, txPackets };
    }),
    rx: { ...rx, drops: drops.rx },
    tx: { ...tx, drops: drops.tx },
  };
}

function peerSnapshot(reading: PeerReading): PeerSnapshot {
  const { config, control, progress, pathMtuBytes, network, vni, announced } = reading;
  const budget = new Map(progress.txSas.map((sa) => [sa.spi, sa.budgetUsed]));
  const sas: SaSnapshot[] = [
    ...(control?.rx ?? []).map((sa) => ({
      direction: 'rx' as const,
      lane: sa.lane,
      ageSeconds: sa.ageMs / 1_000,
      budgetUsedRatio: 0,
    })),
    ...(control?.tx ?? []).map((sa) => ({
      direction: 'tx' as const,
      lane: sa.lane,
      ageSeconds: sa.ageMs / 1_000,
      budgetUsedRatio: budget.get(sa.spi) ?? 0,
    })),
  ];
  return {
    name: config.name,
    network,
    vni,
    up: control?.state === 'up',
    rxPackets: progress.rxPackets,
    rxBytes: progress.rxBytes,
    txPackets: progress.txPackets,
    txBytes: progress.txBytes,
    lastHandshakeAtMs: control?.handshakeAtMs ?? null,
    lastRxAtMs: progress.lastRxAtMs > 0 ? progress.lastRxAtMs : null,
    rttSeconds: control === undefined || control.rttMs === null ? null : control.rttMs / 1_000,
    pathMtuBytes,
    announcedRoutes: { accepted: announced.accepted.length, refused: announced.refused },
    sas,
  };
}
