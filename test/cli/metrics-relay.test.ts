/** The metrics of relays, as Prometheus reads them. */
import { describe, expect, test } from 'vitest';
import { Metrics } from '../../cli/metrics.ts';
import type { NetworkSnapshot } from '../../cli/metrics-snapshot.ts';
import { parseExposition } from './exposition.ts';
import { L3_NETWORK, RELAY, snapshot } from './sample-metrics.ts';

function metrics(networks: () => readonly NetworkSnapshot[]): Metrics {
  return new Metrics({
    interfaceName: 'icx0',
    vni: 7,
    version: '0.1.0',
    aead: 'OpenSSL',
    carrier: 'QUIC',
    startedAtMs: 0,
    snapshot: async () => snapshot({ networks: networks() }),
  });
}

async function samples(all: Metrics): Promise<Record<string, number>> {
  const found = parseExposition(await all.text());
  return Object.fromEntries([...found].filter(([key]) => key.startsWith('icx_relay_')));
}

const LABELS = 'interface="icx9",vni="9"';

describe('RelayMetrics', () => {
  test('exports the relay of a network, copied anew at each scrape', async () => {
    const all = metrics(() => [{ ...L3_NETWORK, relay: RELAY }]);
    await all.text();
    expect(await samples(all)).toEqual({
      [`icx_relay_sessions{${LABELS}}`]: 3,
      [`icx_relay_sessions_opened_total{${LABELS}}`]: 10,
      [`icx_relay_sessions_expired_total{${LABELS}}`]: 5,
      [`icx_relay_sessions_evicted_total{${LABELS}}`]: 2,
      'icx_relay_refused_total{interface="icx9",reason="denied",vni="9"}': 4,
      'icx_relay_refused_total{interface="icx9",reason="no_exit",vni="9"}': 0,
      'icx_relay_datagrams_total{direction="tx",interface="icx9",vni="9"}': 100,
      'icx_relay_datagrams_total{direction="rx",interface="icx9",vni="9"}': 200,
      'icx_relay_bytes_total{direction="tx",interface="icx9",vni="9"}': 1_000,
      'icx_relay_bytes_total{direction="rx",interface="icx9",vni="9"}': 20_000,
    });
  });

  test('drops the series of a relay that went away', async () => {
    let network: NetworkSnapshot = { ...L3_NETWORK, relay: RELAY };
    const all = metrics(() => [network]);
    await all.text();
    network = L3_NETWORK;
    expect(await samples(all)).toEqual({});
  });
});
