/** The metrics of UDP relays. Names are promises: dashboards use them. */
import { Counter, Gauge, type Registry } from 'prom-client';
import { type NetworkLabels, networkLabels } from './metrics-labels.ts';
import type { NetworkSnapshot, RelaySnapshot } from './metrics-snapshot.ts';

const NETWORK = ['interface', 'vni'] as const;

function define(registry: Registry) {
  const registers = [registry];
  const counter = (name: string, help: string, ...more: string[]) =>
    new Counter({ name, help, labelNames: [...NETWORK, ...more], registers });
  return {
    sessions: new Gauge({
      name: 'icx_relay_sessions',
      help: 'Sessions of the UDP relay.',
      labelNames: NETWORK,
      registers,
    }),
    opened: counter('icx_relay_sessions_opened_total', 'Sessions that began.'),
    expired: counter('icx_relay_sessions_expired_total', 'Sessions that ended because they were idle.'),
    evicted: counter('icx_relay_sessions_evicted_total', 'Sessions that ended to make room for others.'),
    refused: counter(
      'icx_relay_refused_total',
      'Datagrams of guests that were refused, by reason.',
      'reason',
    ),
    datagrams: counter(
      'icx_relay_datagrams_total',
      'Datagrams from guests to destinations (tx) and back (rx).',
      'direction',
    ),
    bytes: counter('icx_relay_bytes_total', 'Bytes of payload in those datagrams.', 'direction'),
  };
}

export class RelayMetrics {
  readonly #metrics: ReturnType<typeof define>;

  constructor(registry: Registry) {
    this.#metrics = define(registry);
  }

  /** Relays that went away lose their series. */
  fill(networks: readonly NetworkSnapshot[]): void {
    for (const metric of Object.values(this.#metrics)) metric.reset();
    for (const { network, vni, relay } of networks) {
      if (relay !== null) this.#fillRelay(networkLabels(network, vni), relay);
    }
  }

  #fillRelay(labels: NetworkLabels, relay: RelaySnapshot): void {
    const m = this.#metrics;
    m.sessions.set(labels, relay.sessions);
    m.opened.inc(labels, relay.opened);
    m.expired.inc(labels, relay.expired);
    m.evicted.inc(labels, relay.evicted);
    for (const [reason, count] of Object.entries(relay.refused)) m.refused.inc({ ...labels, reason }, count);
    m.datagrams.inc({ ...labels, direction: 'tx' }, relay.txDatagrams);
    m.datagrams.inc({ ...labels, direction: 'rx' }, relay.rxDatagrams);
    m.bytes.inc({ ...labels, direction: 'tx' }, relay.txBytes);
    m.bytes.inc({ ...labels, direction: 'rx' }, relay.rxBytes);
  }
}
