/** Reads both planes once, for status and metrics alike. */
import { systemClock } from '../../controlplane/clock.ts';
import type { PeerStatus as ControlStatus } from '../../controlplane/control-peer.ts';
import { CounterBlock } from '../../dataplane/path/counters.ts';
import type { MetricsSnapshot } from '../metrics-snapshot.ts';
import type { Status } from '../status-schema.ts';
import type { AgentService } from './agent-service.ts';
import { buildMetrics } from './metrics-report.ts';
import { readNetwork } from './network-readings.ts';
import type { Overlay } from './overlay.ts';
import { buildStatus, type NetworkReading, type PeerReading } from './status-report.ts';

/** @param attachments How many containers each network has, by VNI. */
export async function readStatus(
  service: AgentService,
  overlay: Overlay,
  attachments: ReadonlyMap<number, number> = NONE,
): Promise<Status> {
  const { pool, control } = overlay;
  const [peers, networks] = await Promise.all([readPeers(overlay), readNetworks(overlay, attachments)]);
  return buildStatus(
    {
      config: service.config,
      networks,
      startedAtMs: unixTime(service.startedAtMs),
      queues: pool.lanes,
      carrier: control.carrier,
      aead: pool.aead,
      offloads: offloads(overlay),
      totals: CounterBlock.sumAll(pool.counters),
    },
    peers,
    Date.now(),
  );
}

const NONE: ReadonlyMap<number, number> = new Map();

function offloads(overlay: Overlay): Status['interface']['offloads'] {
  const { pool } = overlay;
  const networks = overlay.networks();
  const routed = networks.filter(({ config }) => config.mode === 'l3');
  return {
    tcp_segmentation: pool.offloads.tcp,
    udp_segmentation: pool.offloads.udp,
    ...(pool.lanes > 1 &&
      routed.length > 0 && {
        flow_steering: routed.every(({ vni }) => pool.network(vni)?.steeringFault === null),
      }),
    segmented_by: pool.offloadCode,
    udp_gro: pool.gro,
    outer_fragmentation: networks.some(({ mtu }) => mtu.fragment),
    mtu_reason: networks[0]?.mtu.reason ?? '',
  };
}

/** @param attachments As of `readStatus`. */
export async function readMetrics(
  overlay: Overlay,
  attachments: ReadonlyMap<number, number>,
): Promise<MetricsSnapshot> {
  const { counters } = overlay.pool;
  const [peers, networks] = await Promise.all([
    readPeers(overlay),
    Promise.all(overlay.networks().map((network) => readNetwork(overlay, network))),
  ]);
  const switched = networks.filter((network) => network !== null);
  const ofContainers = overlay.networks().map(({ vni, config }) => ({
    network: config.name,
    vni,
    attachments: attachments.get(vni) ?? 0,
  }));
  return buildMetrics(CounterBlock.sumAll(counters), counters, peers, switched, ofContainers);
}

function readNetworks(overlay: Overlay, attachments: ReadonlyMap<number, number>): Promise<NetworkReading[]> {
  return Promise.all(
    overlay.networks().map(async (network) => ({
      config: network.config,
      mtuBytes: network.mtu.mtuBytes,
      snapshot: await readNetwork(overlay, network),
      attachments: attachments.get(network.vni) ?? 0,
    })),
  );
}

async function readPeers(overlay: Overlay): Promise<PeerReading[]> {
  const { pool, control } = overlay;
  const states = new Map(control.status().map((state) => [state.slot, onWallClock(state)]));
  return await Promise.all(
    overlay.peers.entries().map(async ({ slot, vni, config }) => {
      const network = overlay.network(vni);
      return {
        config,
        network: network.config.name,
        vni,
        control: states.get(slot),
        progress: await pool.progress(slot),
        pathMtuBytes: network.mtu.byPeer.get(slot) ?? null,
        announced: network.announced.summary(slot),
      };
    }),
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
