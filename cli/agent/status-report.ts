/** Builds `icx status` from the two planes and the config. */
import type { PeerStatus as ControlStatus } from '../../controlplane/control-peer.ts';
import { encodeKey } from '../../controlplane/key-text.ts';
import { type Endpoint, type PeerProgress, type SaProgress, Suite } from '../../dataplane/contract.ts';
import type { CounterTotals } from '../../dataplane/path/counter-totals.ts';
import { DROP_TABLE } from '../../dataplane/path/drop.ts';
import type { Config, NetworkConfig, PeerConfig } from '../config/types.ts';
import type { NetworkSnapshot, RelaySnapshot } from '../metrics-snapshot.ts';
import {
  formatSpi,
  type NetworkStatus,
  type PeerStatus,
  type SaStatus,
  type Status,
  type TxSaStatus,
} from '../status-schema.ts';
import { VERSION } from '../version.ts';

/** What does not belong to a single peer. */
export interface AgentState {
  readonly config: Config;
  readonly networks: readonly NetworkReading[];
  readonly startedAtMs: number;
  readonly queues: number;
  readonly carrier: string;
  readonly aead: string;
  readonly offloads: Status['interface']['offloads'];
  readonly totals: CounterTotals;
}

export interface NetworkReading {
  readonly config: NetworkConfig;
  readonly mtuBytes: number;
  /** null for one of IP packets that has no ports. */
  readonly snapshot: NetworkSnapshot | null;
  /** Containers; none by default. */
  readonly attachments?: number;
}

/** Of one peer in one network. */
export interface PeerReading {
  readonly network: string;
  readonly vni: number;
  readonly config: PeerConfig;
  readonly control: ControlStatus | undefined;
  readonly progress: PeerProgress;
  readonly pathMtuBytes: number | null;
  /** Announced prefixes that are in use, and how many are not. */
  readonly announced: { readonly accepted: readonly string[]; readonly refused: number };
}

export function buildStatus(state: AgentState, peers: readonly PeerReading[], nowMs: number): Status {
  const { totals } = state;
  return {
    version: 1,
    icx_version: VERSION,
    pid: process.pid,
    uptime_seconds: seconds(nowMs - state.startedAtMs),
    interface: interfaceStatus(state),
    peers: peers.map((peer) => peerStatus(peer, nowMs)),
    networks: state.networks.map(networkStatus),
    totals: directionTotals(totals),
    drops: dropsByReason(totals),
  };
}

/** Totals without keepalives, which no port gave or took: received = delivered + Σ drops. */
export function directionTotals(totals: CounterTotals): Status['totals'] {
  return {
    rx: {
      received: totals.rxReceived - totals.rxKeepalives,
      delivered: totals.rxPackets,
      keepalives: totals.rxKeepalives,
    },
    tx: { received: totals.txReceived, delivered: totals.txPackets, keepalives: totals.txKeepalives },
  };
}

/** Every reason of the table, those that never happened with 0. */
export function dropsByReason(totals: CounterTotals): Status['drops'] {
  const drops: Status['drops'] = { rx: {}, tx: {} };
  for (const [code, packets] of totals.drops) {
    const { direction, reason } = DROP_TABLE[code];
    drops[direction][reason] = packets;
  }
  return drops;
}

function interfaceStatus({ config, ...state }: AgentState): Status['interface'] {
  const own = config.interface;
  return {
    name: own.name,
    public_key: encodeKey(own.publicKey),
    vni: own.vni,
    addresses: [...own.addresses],
    listen: own.listen,
    listen_port: own.listenPort,
    control_port: own.controlPort,
    mtu: Math.min(...state.networks.map(({ mtuBytes }) => mtuBytes)),
    queues: state.queues,
    control: { transport: own.controlTransport, carrier: state.carrier },
    aead: state.aead,
    offloads: state.offloads,
  };
}

function networkStatus({ config, mtuBytes, snapshot, attachments = 0 }: NetworkReading): NetworkStatus {
  return {
    name: config.name,
    vni: config.vni,
    mode: config.mode,
    interface: config.device ? config.name : null,
    mtu: mtuBytes,
    addresses: [...config.addresses],
    // A switch has the network's own interface among them.
    ports: Math.max(0, (snapshot?.ports.length ?? 0) - Number(config.device && config.mode === 'l2')),
    stations: snapshot?.switch?.stations ?? 0,
    max_stations: snapshot?.switch?.maxStations ?? 0,
    neighbours: snapshot?.neighbours ?? 0,
    relay: relayStatus(config.relay, snapshot?.relay ?? null),
    attachments,
  };
}

function relayStatus(config: NetworkConfig['relay'], relay: RelaySnapshot | null): NetworkStatus['relay'] {
  return config === null ? null : { sessions: relay?.sessions ?? 0, max_sessions: config.maxSessions };
}

function peerStatus(reading: PeerReading, nowMs: number): PeerStatus {
  const { config, control, progress, pathMtuBytes, network, vni } = reading;
  // The control plane lists the SAs in use; the data plane still has those in their grace time.
  // Each host numbers its own SPIs, so a sent one may equal a received one that is retired.
  const [rxAges, txAges] = [agesOf(control?.rx), agesOf(control?.tx)];
  const rx = progress.rxSas.filter(({ spi }) => rxAges.has(spi)).map((sa) => saStatus(sa, rxAges));
  const tx = progress.txSas
    .filter(({ spi }) => txAges.has(spi))
    .map((sa): TxSaStatus => ({ ...saStatus(sa, txAges), budget_used_ratio: sa.budgetUsed }));
  return {
    name: config.name,
    public_key: encodeKey(config.publicKey),
    state: control?.state ?? 'down',
    endpoint: progress.endpoint === null ? null : endpointText(progress.endpoint),
    allowed_ips: [...config.allowedIps],
    announced_ips: [...reading.announced.accepted],
    hybrid: control?.hybrid ?? null,
    suite: control?.suite === Suite.aes256Gcm ? 'aes-256-gcm' : 'aes-128-gcm',
    handshake: handshakeStatus(control, nowMs),
    rtt_seconds: control === undefined || control.rttMs === null ? null : seconds(control.rttMs),
    path_mtu_bytes: pathMtuBytes,
    transfer: {
      rx_packets: progress.rxPackets,
      rx_bytes: progress.rxBytes,
      tx_packets: progress.txPackets,
      tx_bytes: progress.txBytes,
    },
    sas: { rx, tx },
    last_rx_at: progress.lastRxAtMs > 0 ? instant(progress.lastRxAtMs) : null,
    last_error: control?.lastError ?? null,
    network,
    vni,
  };
}

function handshakeStatus(control: ControlStatus | undefined, nowMs: number): PeerStatus['handshake'] {
  if (control === undefined || control.handshakeAtMs === null) return null;
  return {
    at: instant(control.handshakeAtMs),
    age_seconds: seconds(nowMs - control.handshakeAtMs),
    duration_seconds: seconds(control.handshakeDurationMs ?? 0),
  };
}

function agesOf(sas: ControlStatus['rx'] = []): ReadonlyMap<number, number> {
  return new Map(sas.map(({ spi, ageMs }) => [spi, ageMs]));
}

function saStatus(sa: SaProgress, ages: ReadonlyMap<number, number>): SaStatus {
  return {
    spi: formatSpi(sa.spi),
    lane: sa.lane,
    age_seconds: seconds(ages.get(sa.spi) ?? 0),
    packets: sa.packets,
  };
}

function endpointText({ address, port }: Endpoint): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

function seconds(ms: number): number {
  return Math.max(0, Math.round(ms) / 1_000);
}

function instant(ms: number): string {
  return new Date(ms).toISOString();
}
