/** Reads both planes once, for status and metrics alike. */
import { systemClock } from '../../controlplane/clock.ts';
import type { PeerStatus as ControlStatus } from '../../controlplane/control-peer.ts';
import { CounterBlock } from '../../dataplane/path/counters.ts';
import type { MetricsSnapshot } from '../metrics-snapshot.ts';
import type { Status } from '../status-schema.ts';
import type { AgentService } from './agent-service.ts';
import { buildMetrics } from './metrics-report.ts';
import type { Network } from './network.ts';
import { buildStatus, type PeerReading } from './status-report.ts';

export async function readStatus(service: AgentService, network: Network): Promise<Status> {
  const { pool, control, mtu } = network;
  const peers = await readPeers(service, network);
  return buildStatus(
    {
      config: service.config,
      startedAtMs: unixTime(service.startedAtMs),
      mtuBytes: mtu.mtuBytes,
      queues: pool.lanes,
      carrier: control.carrier,
      aead: pool.aead,
      offloads: {
        tcp_segmentation: pool.offloads.tcp,
        udp_segmentation: pool.offloads.udp,
        ...(pool.lanes > 1 && {
          flow_steering: pool.network(service.config.interface.vni)?.steeringFault === null,
        }),
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

export async function readMetrics(service: AgentService, network: Network): Promise<MetricsSnapshot> {
  const peers = await readPeers(service, network);
  const { counters } = network.pool;
  return buildMetrics(CounterBlock.sumAll(counters), counters, peers);
}

async function readPeers(service: AgentService, network: Network): Promise<PeerReading[]> {
  const { name, vni } = service.config.interface;
  const { pool, control, mtu } = network;
  const states = new Map(control.status().map((state) => [state.slot, onWallClock(state)]));
  return await Promise.all(
    network.peers.entries().map(async ({ slot, config }) => ({
      config,
      network: name,
      vni,
      control: states.get(slot),
      progress: await pool.progress(slot),
      pathMtuBytes: mtu.byPeer.get(slot) ?? null,
    })),
  );
}

/** Less than this is the two clocks' drift, not somebody who set one: the time of an event stays the same. */
const CLOCK_SET_MS = 1_000;
let hostClockAheadMs = 0;

/**
 * The agent's clock does not follow when somebody sets the host's, as NTP does after a boot: times
 * are told by the host's clock, or a handshake of a minute ago would be one of last year.
 *
 * @param atMs By the clock of the control plane.
 * @returns Unix time in ms by the host's clock now; as long ago as `atMs`.
 */
export function unixTime(atMs: number): number {
  const aheadMs = Date.now() - systemClock.nowMs();
  if (Math.abs(aheadMs - hostClockAheadMs) > CLOCK_SET_MS) hostClockAheadMs = aheadMs;
  return atMs + hostClockAheadMs;
}

function onWallClock(state: ControlStatus): ControlStatus {
  const { handshakeAtMs } = state;
  return { ...state, handshakeAtMs: handshakeAtMs === null ? null : unixTime(handshakeAtMs) };
}
