/** The names, labels and help texts of every metric. Names are promises: dashboards use them. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

const NETWORK = ['interface', 'vni'] as const;
const QUEUE = [...NETWORK, 'queue', 'direction'] as const;
const PEER = [...NETWORK, 'peer'] as const;
const ANNOUNCED = [...PEER, 'state'] as const;
const SA = [...PEER, 'direction', 'lane'] as const;

/** From a LAN's handshake to the 10 s that one may take. */
const HANDSHAKE_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Registers all metrics. */
export function defineMetrics(registry: Registry) {
  const registers = [registry];
  const counter = (name: string, help: string, labelNames: readonly string[]) =>
    new Counter({ name, help, labelNames: [...labelNames], registers });
  const gauge = (name: string, help: string, labelNames: readonly string[]) =>
    new Gauge({ name, help, labelNames: [...labelNames], registers });
  return {
    rxPackets: counter('icx_rx_packets_total', 'Inner packets received from the peer.', PEER),
    rxBytes: counter('icx_rx_bytes_total', 'Inner bytes received from the peer.', PEER),
    txPackets: counter('icx_tx_packets_total', 'Inner packets sent to the peer.', PEER),
    txBytes: counter('icx_tx_bytes_total', 'Inner bytes sent to the peer.', PEER),
    received: counter(
      'icx_received_packets_total',
      'Frames from the underlay (rx) or packets from the interface (tx), without keepalives; equals delivered plus all drops.',
      [...NETWORK, 'direction'],
    ),
    delivered: counter(
      'icx_delivered_packets_total',
      'Packets given to the interface (rx) or frames given to the underlay (tx), without keepalives.',
      [...NETWORK, 'direction'],
    ),
    drops: counter('icx_drops_total', 'Packets dropped, by reason.', [...NETWORK, 'direction', 'reason']),
    keepalives: counter('icx_keepalives_total', 'Data-plane keepalives.', [...NETWORK, 'direction']),
    queuePackets: counter('icx_queue_packets_total', 'Inner packets by worker queue.', QUEUE),
    rekeys: counter('icx_rekeys_total', 'Rekeys that ended.', [...NETWORK, 'trigger', 'result']),
    rekeyLost: counter('icx_rekey_lost_packets_total', 'Packets that rekeys lost.', NETWORK),
    handshakeDuration: new Histogram({
      name: 'icx_handshake_duration_seconds',
      help: 'Time from the first handshake message to the keys.',
      labelNames: [...NETWORK],
      buckets: HANDSHAKE_BUCKETS,
      registers,
    }),
    peerUp: gauge('icx_peer_up', 'Whether the control connection to the peer stands.', PEER),
    lastHandshake: gauge(
      'icx_peer_last_handshake_timestamp_seconds',
      'Unix time of the last completed handshake.',
      PEER,
    ),
    lastRx: gauge(
      'icx_peer_last_rx_timestamp_seconds',
      'Unix time of the last authenticated packet of the peer.',
      PEER,
    ),
    rtt: gauge('icx_peer_rtt_seconds', 'Round-trip time of the control connection.', PEER),
    pathMtu: gauge('icx_peer_path_mtu_bytes', 'Largest inner packet that the path to the peer takes.', PEER),
    announcedRoutes: gauge('icx_peer_announced_routes', 'Announced prefixes of the peer.', ANNOUNCED),
    saAge: gauge('icx_sa_age_seconds', 'Age of the youngest SA of a lane and direction.', SA),
    saBudget: gauge('icx_sa_budget_used_ratio', 'Share of the AEAD budget that a send SA has used.', SA),
    startTime: gauge('icx_start_time_seconds', 'Unix time of the start of the agent.', NETWORK),
    buildInfo: gauge('icx_build_info', 'Version and parts of this agent; always 1.', [
      ...NETWORK,
      'version',
      'node',
      'aead',
      'carrier',
    ]),
  };
}

export type MetricSet = ReturnType<typeof defineMetrics>;
