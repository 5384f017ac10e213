import { describe, expect, test } from 'vitest';
import { Metrics } from '../../cli/metrics.ts';
import type { MetricsSnapshot, PeerSnapshot } from '../../cli/metrics-snapshot.ts';
import { DROP_TABLE } from '../../dataplane/path/drop.ts';
import { parseExposition as parse } from './exposition.ts';
import { PEER, snapshot } from './sample-metrics.ts';

const NEW_PEER: PeerSnapshot = {
  ...PEER,
  name: 'c"\\\n',
  up: false,
  lastHandshakeAtMs: null,
  lastRxAtMs: null,
  rttSeconds: null,
  pathMtuBytes: null,
  sas: [],
};

function metrics(read: () => MetricsSnapshot): Metrics {
  return new Metrics({
    interfaceName: 'icx0',
    vni: 7,
    version: '0.1.0',
    aead: 'OpenSSL',
    carrier: 'QUIC',
    startedAtMs: 1_700_000_000_000,
    snapshot: async () => read(),
  });
}

const N = 'interface="icx0",vni="7"';
const P = 'interface="icx0",peer="host-b",vni="7"';

describe('Metrics.text()', () => {
  test('has every promised name with its type', async () => {
    const text = await metrics(snapshot).text();
    const types = Object.fromEntries(
      [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => [name, type]),
    );
    expect(types).toMatchObject({
      icx_rx_packets_total: 'counter',
      icx_rx_bytes_total: 'counter',
      icx_tx_packets_total: 'counter',
      icx_tx_bytes_total: 'counter',
      icx_drops_total: 'counter',
      icx_received_packets_total: 'counter',
      icx_delivered_packets_total: 'counter',
      icx_keepalives_total: 'counter',
      icx_rekeys_total: 'counter',
      icx_handshake_duration_seconds: 'histogram',
      icx_peer_up: 'gauge',
      icx_peer_last_handshake_timestamp_seconds: 'gauge',
      icx_peer_last_rx_timestamp_seconds: 'gauge',
      icx_peer_rtt_seconds: 'gauge',
      icx_peer_path_mtu_bytes: 'gauge',
      icx_peer_announced_routes: 'gauge',
      icx_sa_age_seconds: 'gauge',
      icx_sa_budget_used_ratio: 'gauge',
      icx_queue_packets_total: 'counter',
      icx_build_info: 'gauge',
    });
    expect(Object.keys(types).filter((name) => !name.startsWith('icx_'))).toEqual([]);
  });

  test('has the values of the snapshot', async () => {
    const samples = parse(await metrics(snapshot).text());
    const values = {
      [`icx_rx_packets_total{${P}}`]: 10,
      [`icx_rx_bytes_total{${P}}`]: 1000,
      [`icx_tx_packets_total{${P}}`]: 20,
      [`icx_tx_bytes_total{${P}}`]: 2000,
      [`icx_peer_up{${P}}`]: 1,
      [`icx_peer_last_handshake_timestamp_seconds{${P}}`]: 1_700_000_000.5,
      [`icx_peer_last_rx_timestamp_seconds{${P}}`]: 1_700_000_001,
      [`icx_peer_rtt_seconds{${P}}`]: 0.0004,
      [`icx_peer_path_mtu_bytes{${P}}`]: 1392,
      'icx_peer_announced_routes{interface="icx0",peer="host-b",state="accepted",vni="7"}': 3,
      'icx_peer_announced_routes{interface="icx0",peer="host-b",state="refused",vni="7"}': 1,
      'icx_queue_packets_total{direction="tx",interface="icx0",queue="0",vni="7"}': 20,
      'icx_drops_total{direction="rx",interface="icx0",reason="replay",vni="7"}': 3,
      [`icx_keepalives_total{direction="rx",${N}}`]: 2,
      [`icx_start_time_seconds{${N}}`]: 1_700_000_000,
      'icx_sa_age_seconds{direction="rx",interface="icx0",lane="0",peer="host-b",vni="7"}': 5,
      'icx_sa_budget_used_ratio{direction="tx",interface="icx0",lane="1",peer="host-b",vni="7"}': 0.25,
    };
    expect(Object.fromEntries([...samples].filter(([key]) => key in values))).toEqual(values);
  });

  test('exports every drop reason at 0 from the start', async () => {
    const none = { received: 0, delivered: 0, keepalives: 0, drops: {} };
    const samples = parse(await metrics(() => snapshot({ peers: [], rx: none, tx: none })).text());
    for (const { direction, reason } of Object.values(DROP_TABLE)) {
      const key = `icx_drops_total{direction="${direction}",interface="icx0",reason="${reason}",vni="7"}`;
      expect(samples.get(key), key).toBe(0);
    }
    const rekeys = [...samples.keys()].filter((key) => key.startsWith('icx_rekeys_total{'));
    expect(rekeys).toHaveLength(8);
  });

  test.each(['rx', 'tx'])('adds up: received = delivered + drops, %s', async (direction) => {
    const samples = parse(await metrics(snapshot).text());
    const sum = (name: string) =>
      [...samples]
        .filter(([key]) => key.startsWith(`${name}{`) && key.includes(`direction="${direction}"`))
        .reduce((total, [, value]) => total + value, 0);
    expect(sum('icx_received_packets_total')).toBe(
      sum('icx_delivered_packets_total') + sum('icx_drops_total'),
    );
    expect(sum('icx_drops_total')).toBeGreaterThan(0);
  });

  test('copies counters anew at each scrape', async () => {
    let rxPackets = 10;
    const all = metrics(() => snapshot({ peers: [{ ...PEER, rxPackets }] }));
    await all.text();
    rxPackets = 11;
    expect(parse(await all.text()).get(`icx_rx_packets_total{${P}}`)).toBe(11);
    expect(parse(await all.text()).get(`icx_rx_packets_total{${P}}`)).toBe(11);
  });

  test('drops the series of a peer that went away', async () => {
    let peers = [PEER];
    const all = metrics(() => snapshot({ peers }));
    expect(await all.text()).toContain('peer="host-b"');
    peers = [];
    expect(await all.text()).not.toContain('peer="host-b"');
  });

  test('leaves out what is not known yet, and escapes names', async () => {
    const text = await metrics(() => snapshot({ peers: [NEW_PEER] })).text();
    const samples = parse(text);
    expect(samples.get('icx_peer_up{interface="icx0",peer="c\\"\\\\\\n",vni="7"}')).toBe(0);
    expect(text).not.toMatch(/^icx_peer_(rtt|path|last)/m);
  });

  test('reads once for scrapes that overlap', async () => {
    let reads = 0;
    const all = metrics(() => {
      reads++;
      return snapshot();
    });
    const [first, second] = await Promise.all([all.text(), all.text()]);
    expect([reads, second]).toEqual([1, first]);
  });

  test('recovers from a failed reading', async () => {
    let failing = true;
    const all = metrics(() => {
      if (failing) throw new Error('a worker is gone');
      return snapshot();
    });
    await expect(all.text()).rejects.toThrow('a worker is gone');
    failing = false;
    expect(await all.text()).toContain('icx_peer_up');
  });
});

describe('Metrics', () => {
  test('counts rekeys and handshakes', async () => {
    const all = metrics(snapshot);
    all.recordRekey('operator', 'ok');
    all.recordRekey('timer', 'failed');
    all.recordRekey('timer', 'ok');
    all.recordRekeyLoss(3);
    all.recordHandshake(0.03);
    const samples = parse(await all.text());
    const rekeys = (trigger: string, result: string) =>
      samples.get(`icx_rekeys_total{interface="icx0",result="${result}",trigger="${trigger}",vni="7"}`);
    expect([rekeys('operator', 'ok'), rekeys('timer', 'failed'), rekeys('budget', 'ok')]).toEqual([1, 1, 0]);
    expect(samples.get(`icx_rekey_lost_packets_total{${N}}`)).toBe(3);
    expect(samples.get(`icx_handshake_duration_seconds_count{${N}}`)).toBe(1);
    expect(samples.get(`icx_handshake_duration_seconds_bucket{interface="icx0",le="0.025",vni="7"}`)).toBe(0);
    expect(samples.get(`icx_handshake_duration_seconds_bucket{interface="icx0",le="0.05",vni="7"}`)).toBe(1);
  });
});
