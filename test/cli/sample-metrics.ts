/** Readings for tests of the metrics. */
import type {
  MetricsSnapshot,
  NetworkSnapshot,
  PeerSnapshot,
  RelaySnapshot,
} from '../../cli/metrics-snapshot.ts';

export const PEER: PeerSnapshot = {
  name: 'host-b',
  network: 'icx0',
  vni: 7,
  up: true,
  rxPackets: 10,
  rxBytes: 1000,
  txPackets: 20,
  txBytes: 2000,
  lastHandshakeAtMs: 1_700_000_000_500,
  lastRxAtMs: 1_700_000_001_000,
  rttSeconds: 0.0004,
  pathMtuBytes: 1392,
  announcedRoutes: { accepted: 3, refused: 1 },
  sas: [
    { direction: 'rx', lane: 0, ageSeconds: 5, budgetUsedRatio: 0 },
    { direction: 'rx', lane: 0, ageSeconds: 125, budgetUsedRatio: 0 },
    { direction: 'tx', lane: 1, ageSeconds: 5, budgetUsedRatio: 0.25 },
  ],
};

export const L2_NETWORK: NetworkSnapshot = {
  network: 'lan0',
  vni: 8,
  switch: {
    stations: 12,
    maxStations: 16_384,
    learned: 20,
    moved: 2,
    aged: 8,
    refused: { port_full: 1, table_full: 0, moves: 3, static: 4 },
    forwarded: 100,
    flooded: 10,
    drops: { runt: 0, static_violation: 4 },
    multicastGroups: 5,
  },
  neighbours: 6,
  suppressed: { arp: 30, nd: 40 },
  ports: [
    {
      name: 'vm1',
      type: 'unix',
      up: true,
      rxFrames: 1,
      rxBytes: 2,
      txFrames: 3,
      txBytes: 4,
      rxDropped: 5,
      txDropped: 6,
    },
  ],
  relay: null,
};

export const L3_NETWORK: NetworkSnapshot = {
  ...L2_NETWORK,
  network: 'icx9',
  vni: 9,
  switch: null,
  ports: L2_NETWORK.ports.map((port) => ({
    ...port,
    drops: { rx: { inner_source: 3 }, tx: { too_large: 4 } },
  })),
};

export const RELAY: RelaySnapshot = {
  sessions: 3,
  opened: 10,
  expired: 5,
  evicted: 2,
  refused: { denied: 4, no_exit: 0 },
  txDatagrams: 100,
  txBytes: 1_000,
  rxDatagrams: 200,
  rxBytes: 20_000,
};

export function snapshot(changes: Partial<MetricsSnapshot> = {}): MetricsSnapshot {
  return {
    peers: [PEER],
    networks: [],
    attachments: [{ network: 'icx0', vni: 7, attachments: 3 }],
    queues: [{ queue: 0, rxPackets: 10, txPackets: 20 }],
    rx: { received: 15, delivered: 10, keepalives: 2, drops: { replay: 3, auth_failed: 2 } },
    tx: { received: 21, delivered: 20, keepalives: 1, drops: { no_route: 1 } },
    ...changes,
  };
}
