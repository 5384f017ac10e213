/** What `icx status` shows: in the published schema, summed right, without a secret. */
import { describe, expect, test } from 'vitest';
import {
  type AgentState,
  buildStatus,
  directionTotals,
  dropsByReason,
  type PeerReading,
} from '../../../cli/agent/status-report.ts';
import type { NetworkSnapshot } from '../../../cli/metrics-snapshot.ts';
import { STATUS } from '../../../cli/status-schema.ts';
import { encodeKey } from '../../../controlplane/key-text.ts';
import { CounterBlock } from '../../../dataplane/path/counters.ts';
import { DROP_COUNT, DROPS, DropCode } from '../../../dataplane/path/drop.ts';
import { L3_NETWORK, RELAY } from '../sample-metrics.ts';
import {
  agentConfig,
  controlStatus,
  PSK,
  peerConfig,
  progress,
  relayConfig,
  SEED,
  saProgress,
} from './samples.ts';

const NOW_MS = Date.UTC(2026, 0, 1, 0, 2);

/** Two queues' counters with a different number in each cell. */
function counters(): CounterBlock[] {
  return [0, 1].map((queue) => {
    const block = new CounterBlock(CounterBlock.allocate(3), 3);
    for (let i = 0; i < 3 + queue; i++) block.rxDelivered(1, 100);
    for (let i = 0; i < 2 + queue; i++) block.rxKeepalive(1);
    for (let i = 0; i < 5 + queue; i++) block.txDelivered(2, 50);
    block.txKeepalive(1);
    for (const code of DROPS) {
      for (let i = 0; i < code; i++) {
        if (code <= DropCode.rxPortWrite) block.rxDropped(0, code);
        else block.txDropped(1, code);
      }
    }
    return block;
  });
}

function state(overrides: Partial<AgentState> = {}): AgentState {
  const config = agentConfig([peerConfig(2, { presharedKey: PSK.slice() })]);
  return {
    config,
    networks: config.networks.map((network) => ({ config: network, mtuBytes: 1_424, snapshot: null })),
    startedAtMs: NOW_MS - 61_500,
    queues: 2,
    carrier: 'QUIC',
    aead: 'OpenSSL 3.0.19 (node)',
    offloads: { udp_gro: true },
    totals: CounterBlock.sumAll(counters()),
    ...overrides,
  };
}

function reading(overrides: Partial<PeerReading> = {}): PeerReading {
  return {
    config: peerConfig(2, { presharedKey: PSK.slice() }),
    network: 'icx0',
    vni: 7,
    control: controlStatus(),
    progress: progress(),
    pathMtuBytes: null,
    announced: { accepted: ['10.88.0.2/32'], refused: 3 },
    ...overrides,
  };
}

function statusOf(overrides: Partial<PeerReading>) {
  const status = buildStatus(state(), [reading(overrides)], NOW_MS);
  expect(STATUS.safeParse(status).error).toBeUndefined();
  const [peer] = status.peers;
  if (peer === undefined) throw new TypeError('one peer expected');
  return peer;
}

describe('buildStatus()', () => {
  test('describes interface and agent', () => {
    const status = buildStatus(state(), [], NOW_MS);
    expect(STATUS.parse(status)).toEqual(status);
    expect(status).toMatchObject({
      version: 1,
      pid: process.pid,
      uptime_seconds: 61.5,
      interface: {
        name: 'icx0',
        public_key: encodeKey(agentConfig().interface.publicKey),
        vni: 7,
        addresses: ['10.77.0.1/24', 'fd77::1/64'],
        mtu: 1_424,
        queues: 2,
        control: { transport: 'quic', carrier: 'QUIC' },
        offloads: { udp_gro: true },
      },
      peers: [],
      networks: [
        {
          name: 'icx0',
          vni: 7,
          mode: 'l3',
          interface: 'icx0',
          mtu: 1_424,
          addresses: ['10.77.0.1/24', 'fd77::1/64'],
          ports: 0,
          stations: 0,
          max_stations: 0,
          neighbours: 0,
          relay: null,
        },
      ],
    });
  });

  test('tells how full the relay of a network is', () => {
    const [network] = agentConfig().networks;
    if (network === undefined) throw new TypeError('a network expected');
    const config = { ...network, relay: relayConfig({ maxSessions: 9 }) };
    const of = (snapshot: NetworkSnapshot | null) =>
      buildStatus(state({ networks: [{ config, mtuBytes: 1_424, snapshot }] }), [], NOW_MS).networks?.[0]
        ?.relay;
    expect(of(null)).toEqual({ sessions: 0, max_sessions: 9 });
    expect(of({ ...L3_NETWORK, relay: RELAY })).toEqual({ sessions: 3, max_sessions: 9 });
  });

  test('has no place for a private or preshared key, nor for the start of one', () => {
    const text = JSON.stringify(buildStatus(state(), [reading()], NOW_MS));
    for (const secret of [SEED, PSK]) {
      for (const form of ['base64', 'hex', 'base64url'] as const) {
        expect(text).not.toContain(Buffer.from(secret).toString(form).slice(0, 8));
      }
      expect(text).not.toContain(secret.slice(0, 4).join(','));
    }
  });

  test('a peer that the control plane does not know is down', () => {
    expect(statusOf({ control: undefined })).toMatchObject({
      name: 'peer-2',
      state: 'down',
      endpoint: null,
      hybrid: null,
      handshake: null,
      rtt_seconds: null,
      path_mtu_bytes: null,
      last_rx_at: null,
      last_error: null,
      sas: { rx: [], tx: [] },
    });
  });

  test('a peer shows which of its announced routes are in use', () => {
    expect(statusOf({}).announced_ips).toEqual(['10.88.0.2/32']);
  });

  test('a peer that is up shows handshake, RTT, transfer and times', () => {
    const peer = statusOf({
      control: controlStatus({
        handshakeAtMs: NOW_MS - 30_000,
        handshakeDurationMs: 41.6,
        rttMs: 1.25,
        hybrid: true,
        suite: 1,
        lastError: 'it went away',
      }),
      progress: progress({
        endpoint: { address: '2001:db8::2', port: 6_081 },
        lastRxAtMs: NOW_MS - 1_000.4,
        rxPackets: 1,
        rxBytes: 2,
        txPackets: 3,
        txBytes: 4,
      }),
      pathMtuBytes: 1_400,
    });
    expect(peer).toMatchObject({
      state: 'up',
      endpoint: '[2001:db8::2]:6081',
      hybrid: true,
      suite: 'aes-256-gcm',
      handshake: { at: '2026-01-01T00:01:30.000Z', age_seconds: 30, duration_seconds: 0.042 },
      path_mtu_bytes: 1_400,
      transfer: { rx_packets: 1, rx_bytes: 2, tx_packets: 3, tx_bytes: 4 },
      last_rx_at: '2026-01-01T00:01:58.999Z',
      last_error: 'it went away',
      network: 'icx0',
      vni: 7,
    });
    expect(peer.rtt_seconds).toBeCloseTo(0.001, 3);
  });

  test('shows the SAs in use with their ages, and not those that wait for their end', () => {
    const { sas } = statusOf({
      control: controlStatus({
        rx: [{ spi: 0x4000_0002, lane: 0, ageMs: 12_345 }],
        tx: [{ spi: 7, lane: 1, ageMs: 500 }],
      }),
      progress: progress({
        rxSas: [saProgress(0x4000_0001, { packets: 99 }), saProgress(0x4000_0002, { packets: 5 })],
        txSas: [saProgress(7, { lane: 1, packets: 6, budgetUsed: 0.25 }), saProgress(3, { packets: 98 })],
      }),
    });
    expect(sas).toEqual({
      rx: [{ spi: '40000002', lane: 0, age_seconds: 12.345, packets: 5 }],
      tx: [{ spi: '00000007', lane: 1, age_seconds: 0.5, packets: 6, budget_used_ratio: 0.25 }],
    });
  });

  test('does not take a retired receive SA for current because the peer uses its number', () => {
    const { sas } = statusOf({
      control: controlStatus({
        rx: [{ spi: 4, lane: 0, ageMs: 500 }],
        tx: [{ spi: 7, lane: 0, ageMs: 500 }],
      }),
      progress: progress({
        rxSas: [saProgress(7), saProgress(4)],
        txSas: [saProgress(7), saProgress(4)],
      }),
    });
    expect(sas.rx.map(({ spi }) => spi)).toEqual(['00000004']);
    expect(sas.tx.map(({ spi }) => spi)).toEqual(['00000007']);
  });

  test('a clock that went back gives no negative age', () => {
    const control = controlStatus({ handshakeAtMs: NOW_MS + 5_000, handshakeDurationMs: 10 });
    expect(statusOf({ control }).handshake?.age_seconds).toBe(0);
  });
});

describe('totals', () => {
  test('directionTotals() sums all queues, keepalives apart', () => {
    const dropped = (from: number, to: number) => {
      let sum = 0;
      for (let code = from; code <= to; code++) sum += 2 * code;
      return sum;
    };
    const rxDrops = dropped(1, DropCode.rxPortWrite);
    const txDrops = dropped(DropCode.rxPortWrite + 1, DROP_COUNT);
    expect(directionTotals(CounterBlock.sumAll(counters()))).toEqual({
      rx: { received: 7 + rxDrops, delivered: 7, keepalives: 5 },
      tx: { received: 11 + txDrops, delivered: 11, keepalives: 2 },
    });
  });

  test('received = delivered + the sum of drops, which names every reason', () => {
    const totals = CounterBlock.sumAll(counters());
    const { rx, tx } = directionTotals(totals);
    const drops = dropsByReason(totals);
    const sum = (reasons: Record<string, number>) => Object.values(reasons).reduce((a, b) => a + b, 0);
    expect(rx.received).toBe(rx.delivered + sum(drops.rx));
    expect(tx.received).toBe(tx.delivered + sum(drops.tx));
    expect(Object.keys(drops.rx).length + Object.keys(drops.tx).length).toBe(DROP_COUNT);
    expect(drops.rx).toMatchObject({ malformed: 2, replay: 2 * DropCode.rxReplay });
    expect(drops.tx).toMatchObject({ no_route: 2 * DropCode.txNoRoute });
  });

  test('reasons that never happened are there with 0', () => {
    const drops = dropsByReason(CounterBlock.sumAll([new CounterBlock(CounterBlock.allocate(2), 2)]));
    expect(Object.values({ ...drops.rx, ...drops.tx }).every((count) => count === 0)).toBe(true);
  });
});
