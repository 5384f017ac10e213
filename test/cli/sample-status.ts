/** A status with everything in it. */
import type { Status } from '../../cli/status-schema.ts';

export function sampleStatus(): Status {
  return {
    version: 1,
    icx_version: '0.1.0',
    pid: 4711,
    uptime_seconds: 3661.4,
    interface: {
      name: 'icx0',
      public_key: 'iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w=',
      vni: 1,
      addresses: ['10.77.0.1/24', 'fd77::1/64'],
      listen: '0.0.0.0',
      listen_port: 6081,
      control_port: 6082,
      mtu: 1392,
      queues: 2,
      control: { transport: 'quic', carrier: 'QUIC' },
      aead: 'OpenSSL 3.0.15 (node)',
      offloads: {
        tso: true,
        uso: false,
        gso_segments: '64',
        mtu_reason: 'route to 192.0.2.2 carries 1460 bytes',
      },
    },
    peers: [
      {
        name: 'host-b',
        public_key: 'gTl3Dqh9F19Wo1Rmw0x+zMuNiphVCVdmKtJlMLMrROs=',
        state: 'up',
        endpoint: '192.0.2.2:6081',
        allowed_ips: ['10.77.0.2/32'],
        hybrid: true,
        suite: 'aes-128-gcm',
        handshake: { at: '2026-01-01T00:00:00.000Z', age_seconds: 63, duration_seconds: 0.0353 },
        rtt_seconds: 0.00042,
        path_mtu_bytes: 1392,
        transfer: { rx_packets: 10, rx_bytes: 2048, tx_packets: 20, tx_bytes: 3_221_225_472 },
        sas: {
          rx: [{ spi: '40000001', lane: 0, age_seconds: 63, packets: 10 }],
          tx: [{ spi: '00000001', lane: 0, age_seconds: 63, packets: 20, budget_used_ratio: 0.0125 }],
        },
        last_rx_at: '2026-01-01T00:01:03.000Z',
        last_error: null,
      },
      {
        name: 'host-c',
        public_key: '7UkoxijRwsbq6QM4kFmVYSlZJzqcY/k2NsFGFKyHN9E=',
        state: 'waiting',
        endpoint: null,
        allowed_ips: [],
        hybrid: null,
        suite: 'aes-128-gcm',
        handshake: null,
        rtt_seconds: null,
        path_mtu_bytes: null,
        transfer: { rx_packets: 0, rx_bytes: 0, tx_packets: 0, tx_bytes: 0 },
        sas: { rx: [], tx: [] },
        last_rx_at: null,
        last_error: 'refused: \u001b[31mno such key\nreally',
      },
    ],
    totals: {
      rx: { received: 13, delivered: 10, keepalives: 1 },
      tx: { received: 20, delivered: 20, keepalives: 0 },
    },
    drops: { rx: { replay: 3, malformed: 0 }, tx: { no_route: 0 } },
  };
}
