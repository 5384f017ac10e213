/** Reads both planes once, for status and metrics alike. */
import { CounterBlock } from '../../dataplane/path/counters.ts';
import type { MetricsSnapshot } from '../metrics-snapshot.ts';
import type { Status } from '../status-schema.ts';
import type { AgentService } from './agent-service.ts';
import { buildMetrics } from './metrics-report.ts';
import type { Network } from './network.ts';
import { buildStatus, type PeerReading } from './status-report.ts';

export async function readStatus(service: AgentService, network: Network): Promise<Status> {
  const { pool, control, mtu } = network;
  const peers = await readPeers(network);
  return buildStatus(
    {
      config: service.config,
      startedAtMs: service.startedAtMs,
      mtuBytes: mtu.mtuBytes,
      queues: pool.lanes,
      carrier: control.carrier,
      aead: pool.aead,
      offloads: {
        tcp_segmentation: pool.offloads.tcp,
        udp_segmentation: pool.offloads.udp,
        segmented_by: pool.offloadCode,
        udp_gro: pool.gro,
        outer_fragmentation: mtu.fragment,
        mtu_reason: mtu.reason,
      },
      totals: CounterBlock.sumAll(pool.counters),
    },
    peers,
    Date.now(),
  );
}

export async function readMetrics(network: Network): Promise<MetricsSnapshot> {
  const peers = await readPeers(network);
  const { counters } = network.pool;
  return buildMetrics(CounterBlock.sumAll(counters), counters, peers);
}

async function readPeers(network: Network): Promise<PeerReading[]> {
  const { pool, control, mtu } = network;
  const states = new Map(control.status().map((state) => [state.slot, state]));
  return await Promise.all(
    network.peers.entries().map(async ({ slot, config }) => ({
      config,
      control: states.get(slot),
      progress: await pool.progress(slot),
      pathMtuBytes: mtu.byPeer.get(slot) ?? null,
    })),
  );
}
