/** Prometheus text from an agent's counters. */
import { type Counter, Registry } from 'prom-client';
import { DROP_TABLE } from '../dataplane/path/drop.ts';
import { AttachmentMetrics } from './metrics-attachments.ts';
import { defineMetrics, type MetricSet } from './metrics-definitions.ts';
import { type NetworkLabels, networkLabels } from './metrics-labels.ts';
import { NetworkMetrics } from './metrics-networks.ts';
import { RelayMetrics } from './metrics-relay.ts';
import {
  type AttachmentOperation,
  type DirectionTotals,
  type MetricsSnapshot,
  type PeerSnapshot,
  REKEY_RESULTS,
  REKEY_TRIGGERS,
  type RekeyResult,
  type RekeyTrigger,
} from './metrics-snapshot.ts';

export interface MetricsOptions {
  /** Of what is the agent's as a whole: its only network's, or the agent's own name. */
  readonly interfaceName: string;
  /**
   * That of the only network; null where the agent starts with several. It stays when a reload adds
   * or removes networks: a series that changed its labels would be another.
   */
  readonly vni: number | null;
  readonly version: string;
  /** AEAD implementation in use. */
  readonly aead: string;
  /** What carries the control plane. */
  readonly carrier: string;
  /** Unix time, in ms. */
  readonly startedAtMs: number;
  /** Reads the counters; called once a scrape. */
  snapshot(): Promise<MetricsSnapshot>;
}

const DIRECTIONS = ['rx', 'tx'] as const;

/** The metrics of one agent. Counters are copied from shared memory at each scrape. */
export class Metrics {
  readonly contentType: string;
  readonly #options: MetricsOptions;
  readonly #labels: NetworkLabels;
  readonly #registry = new Registry();
  readonly #metrics: MetricSet;
  readonly #networks: NetworkMetrics;
  readonly #relays: RelayMetrics;
  readonly #attachments: AttachmentMetrics;
  #running: Promise<string> | null = null;

  constructor(options: MetricsOptions) {
    this.#options = options;
    this.#labels = networkLabels(options.interfaceName, options.vni);
    this.#metrics = defineMetrics(this.#registry);
    this.#networks = new NetworkMetrics(this.#registry);
    this.#relays = new RelayMetrics(this.#registry);
    this.#attachments = new AttachmentMetrics(this.#registry, this.#labels);
    this.contentType = this.#registry.contentType;
    const { version, aead, carrier } = options;
    this.#metrics.buildInfo.set({ ...this.#labels, version, node: process.versions.node, aead, carrier }, 1);
    this.#metrics.startTime.set({ ...this.#labels }, options.startedAtMs / 1000);
    for (const trigger of REKEY_TRIGGERS) {
      for (const result of REKEY_RESULTS) this.#metrics.rekeys.inc({ ...this.#labels, trigger, result }, 0);
    }
    this.#metrics.rekeyLost.inc({ ...this.#labels }, 0);
    this.#metrics.handshakeDuration.zero({ ...this.#labels });
  }

  recordHandshake(seconds: number): void {
    this.#metrics.handshakeDuration.observe({ ...this.#labels }, seconds);
  }

  recordRekey(trigger: RekeyTrigger, result: RekeyResult): void {
    this.#metrics.rekeys.inc({ ...this.#labels, trigger, result });
  }

  recordRekeyLoss(packets: number): void {
    this.#metrics.rekeyLost.inc({ ...this.#labels }, packets);
  }

  recordAttachment(operation: AttachmentOperation, ok: boolean, seconds: number): void {
    this.#attachments.record(operation, ok, seconds);
  }

  /** The exposition text. Scrapes that overlap share one reading, so that none sees half of it. */
  text(): Promise<string> {
    this.#running ??= this.#scrape().finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  async #scrape(): Promise<string> {
    const snapshot = await this.#options.snapshot();
    this.#fillTotals(snapshot);
    this.#fillQueues(snapshot);
    this.#fillPeers(snapshot.peers);
    this.#networks.fill(snapshot.networks);
    this.#relays.fill(snapshot.networks);
    this.#attachments.fill(snapshot.attachments);
    return this.#registry.metrics();
  }

  #fillTotals(snapshot: MetricsSnapshot): void {
    const { received, delivered, keepalives, drops } = this.#metrics;
    for (const metric of [received, delivered, keepalives, drops]) metric.reset();
    for (const direction of DIRECTIONS) {
      const totals: DirectionTotals = snapshot[direction];
      received.inc({ ...this.#labels, direction }, totals.received);
      delivered.inc({ ...this.#labels, direction }, totals.delivered);
      keepalives.inc({ ...this.#labels, direction }, totals.keepalives);
    }
    for (const { direction, reason } of Object.values(DROP_TABLE)) {
      drops.inc({ ...this.#labels, direction, reason }, snapshot[direction].drops[reason] ?? 0);
    }
  }

  #fillQueues(snapshot: MetricsSnapshot): void {
    const { queuePackets } = this.#metrics;
    queuePackets.reset();
    for (const { queue, rxPackets, txPackets } of snapshot.queues) {
      const labels = { ...this.#labels, queue: String(queue) };
      queuePackets.inc({ ...labels, direction: 'rx' }, rxPackets);
      queuePackets.inc({ ...labels, direction: 'tx' }, txPackets);
    }
  }

  /** Peers that went away lose their series. */
  #fillPeers(peers: readonly PeerSnapshot[]): void {
    const m = this.#metrics;
    const all = [m.rxPackets, m.rxBytes, m.txPackets, m.txBytes, m.peerUp, m.lastHandshake, m.lastRx];
    for (const metric of [...all, m.rtt, m.pathMtu, m.announcedRoutes, m.saAge, m.saBudget]) metric.reset();
    for (const peer of peers) this.#fillPeer(peer);
  }

  #fillPeer(peer: PeerSnapshot): void {
    const m = this.#metrics;
    const labels = { ...networkLabels(peer.network, peer.vni), peer: peer.name };
    const count = (metric: Counter, value: number) => metric.inc(labels, value);
    count(m.rxPackets, peer.rxPackets);
    count(m.rxBytes, peer.rxBytes);
    count(m.txPackets, peer.txPackets);
    count(m.txBytes, peer.txBytes);
    m.peerUp.set(labels, peer.up ? 1 : 0);
    if (peer.lastHandshakeAtMs !== null) m.lastHandshake.set(labels, peer.lastHandshakeAtMs / 1000);
    if (peer.lastRxAtMs !== null) m.lastRx.set(labels, peer.lastRxAtMs / 1000);
    if (peer.rttSeconds !== null) m.rtt.set(labels, peer.rttSeconds);
    if (peer.pathMtuBytes !== null) m.pathMtu.set(labels, peer.pathMtuBytes);
    for (const state of ['accepted', 'refused'] as const) {
      m.announcedRoutes.set({ ...labels, state }, peer.announcedRoutes[state]);
    }
    // Oldest first: a set() of a younger SA replaces it.
    for (const sa of [...peer.sas].sort((a, b) => b.ageSeconds - a.ageSeconds)) {
      const saLabels = { ...labels, direction: sa.direction, lane: String(sa.lane) };
      m.saAge.set(saLabels, sa.ageSeconds);
      if (sa.direction === 'tx') m.saBudget.set(saLabels, sa.budgetUsedRatio);
    }
  }
}
