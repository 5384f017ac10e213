/** The metrics of networks, as Prometheus reads them. */
import { describe, expect, test } from 'vitest';
import { Metrics } from '../../cli/metrics.ts';
import type { NetworkSnapshot } from '../../cli/metrics-snapshot.ts';
import { parseExposition } from './exposition.ts';
import { L2_NETWORK, L3_NETWORK, PEER, snapshot } from './sample-metrics.ts';

function metrics(networks: () => readonly NetworkSnapshot[], vni: number | null = 7): Metrics {
  return new Metrics({
    interfaceName: 'icx0',
    vni,
    version: '0.1.0',
    aead: 'OpenSSL',
    carrier: 'QUIC',
    startedAtMs: 1_700_000_000_000,
    snapshot: async () => snapshot({ networks: networks() }),
  });
}

/** Samples of networks, without what every agent has. */
async function samples(networks: readonly NetworkSnapshot[]): Promise<Record<string, number>> {
  const all = parseExposition(await metrics(() => networks).text());
  return Object.fromEntries([...all].filter(([key]) => /^icx_(fdb|guest|l2|neigh|multicast|port)/.test(key)));
}

const LAN = 'interface="lan0",vni="8"';
const PORT = 'interface="lan0",port="vm1"';

describe('NetworkMetrics', () => {
  test('exports switch, neighbours and ports of an L2 network', async () => {
    expect(await samples([L2_NETWORK])).toEqual({
      [`icx_fdb_entries{${LAN}}`]: 12,
      [`icx_fdb_max_entries{${LAN}}`]: 16_384,
      [`icx_fdb_learned_total{${LAN}}`]: 20,
      [`icx_fdb_moved_total{${LAN}}`]: 2,
      [`icx_fdb_aged_total{${LAN}}`]: 8,
      'icx_fdb_refused_total{interface="lan0",reason="port_full",vni="8"}': 1,
      'icx_fdb_refused_total{interface="lan0",reason="table_full",vni="8"}': 0,
      'icx_fdb_refused_total{interface="lan0",reason="moves",vni="8"}': 3,
      'icx_fdb_refused_total{interface="lan0",reason="static",vni="8"}': 4,
      [`icx_l2_forwarded_frames_total{${LAN}}`]: 100,
      [`icx_l2_flooded_frames_total{${LAN}}`]: 10,
      'icx_l2_drops_total{interface="lan0",reason="runt",vni="8"}': 0,
      'icx_l2_drops_total{interface="lan0",reason="static_violation",vni="8"}': 4,
      [`icx_multicast_groups{${LAN}}`]: 5,
      [`icx_neighbours{${LAN}}`]: 6,
      'icx_neighbour_suppressed_total{interface="lan0",protocol="arp",vni="8"}': 30,
      'icx_neighbour_suppressed_total{interface="lan0",protocol="nd",vni="8"}': 40,
      [`icx_port_up{${PORT},type="unix",vni="8"}`]: 1,
      [`icx_port_rx_frames_total{${PORT},vni="8"}`]: 1,
      [`icx_port_rx_bytes_total{${PORT},vni="8"}`]: 2,
      [`icx_port_tx_frames_total{${PORT},vni="8"}`]: 3,
      [`icx_port_tx_bytes_total{${PORT},vni="8"}`]: 4,
      'icx_port_drops_total{direction="rx",interface="lan0",port="vm1",vni="8"}': 5,
      'icx_port_drops_total{direction="tx",interface="lan0",port="vm1",vni="8"}': 6,
    });
  });

  test('exports no switch of an L3 network', async () => {
    const names = Object.keys(await samples([L3_NETWORK])).map((key) => key.slice(0, key.indexOf('{')));
    expect([...new Set(names)]).toEqual([
      'icx_neighbours',
      'icx_neighbour_suppressed_total',
      'icx_port_up',
      'icx_port_rx_frames_total',
      'icx_port_rx_bytes_total',
      'icx_port_tx_frames_total',
      'icx_port_tx_bytes_total',
      'icx_port_drops_total',
      'icx_guest_drops_total',
    ]);
  });

  test('tells why packets of a guest were dropped', async () => {
    const found = await samples([L3_NETWORK]);
    const guest = 'interface="icx9",port="vm1"';
    expect(found[`icx_guest_drops_total{direction="rx",${guest},reason="inner_source",vni="9"}`]).toBe(3);
    expect(found[`icx_guest_drops_total{direction="tx",${guest},reason="too_large",vni="9"}`]).toBe(4);
  });

  test('copies counters anew at each scrape, and drops the series of a network that went away', async () => {
    let networks: NetworkSnapshot[] = [L2_NETWORK, L3_NETWORK];
    const all = metrics(() => networks);
    await all.text();
    expect(parseExposition(await all.text()).get(`icx_l2_forwarded_frames_total{${LAN}}`)).toBe(100);
    networks = [{ ...L2_NETWORK, ports: [] }];
    expect(await all.text()).not.toMatch(/port="|vni="9"/);
    networks = [];
    expect(await all.text()).not.toContain('lan0');
  });
});

describe('Metrics of several networks', () => {
  test('tell apart one peer in two networks', async () => {
    const all = new Metrics({
      interfaceName: 'icx0',
      vni: null,
      version: '0.1.0',
      aead: 'OpenSSL',
      carrier: 'QUIC',
      startedAtMs: 0,
      snapshot: async () => snapshot({ peers: [PEER, { ...PEER, network: 'lan0', vni: 8, rxPackets: 11 }] }),
    });
    const found = parseExposition(await all.text());
    expect(found.get('icx_rx_packets_total{interface="icx0",peer="host-b",vni="7"}')).toBe(10);
    expect(found.get('icx_rx_packets_total{interface="lan0",peer="host-b",vni="8"}')).toBe(11);
  });

  test('have the agent for what is of all networks together', async () => {
    const found = parseExposition(await metrics(() => [], null).text());
    expect(found.get('icx_start_time_seconds{interface="icx0",vni=""}')).toBe(1_700_000_000);
    expect(found.get('icx_delivered_packets_total{direction="rx",interface="icx0",vni=""}')).toBe(10);
    expect(found.get('icx_queue_packets_total{direction="tx",interface="icx0",queue="0",vni=""}')).toBe(20);
  });
});
