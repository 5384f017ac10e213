/** Configs and readings for tests of the agent. */

import type { Config, PeerConfig, RelayConfig } from '../../../cli/config/types.ts';
import type { PeerStatus } from '../../../controlplane/control-peer.ts';
import { identityFromSeed } from '../../../controlplane/identity.ts';
import type { PeerProgress, SaProgress } from '../../../dataplane/contract.ts';

export const SEED = new Uint8Array(32).fill(0xd1);
export const PSK = new Uint8Array(32).fill(0xd2);

export function peerConfig(number: number, overrides: Partial<PeerConfig> = {}): PeerConfig {
  return {
    name: `peer-${number}`,
    publicKey: identityFromSeed(new Uint8Array(32).fill(number)).publicKey,
    presharedKey: null,
    endpoint: null,
    controlPort: 6_082,
    allowedIps: [`10.77.0.${number}/32`],
    localIps: ['0.0.0.0/0', '::/0'],
    acceptRoutes: [],
    keepaliveMs: 0,
    rxRateLimitPps: 0,
    validateSource: false,
    hybrid: true,
    exit: null,
    ...overrides,
  };
}

export function relayConfig(overrides: Partial<RelayConfig> = {}): RelayConfig {
  return {
    idleTimeoutMs: 60_000,
    maxSessions: 16_384,
    maxSessionsPerGuest: 1_024,
    resolver: null,
    addresses: [],
    deny: [],
    allow: [],
    ...overrides,
  };
}

export function agentConfig(
  peers: readonly PeerConfig[] = [peerConfig(2)],
  overrides: Partial<Config['interface']> = {},
): Config {
  const own: Config['interface'] = {
    name: 'icx0',
    seed: SEED.slice(),
    publicKey: identityFromSeed(SEED).publicKey,
    addresses: ['10.77.0.1/24', 'fd77::1/64'],
    vni: 7,
    listen: '0.0.0.0',
    listenPort: 6_081,
    controlPort: 6_082,
    mtu: 'auto',
    queues: 2,
    controlTransport: 'quic',
    suite: 'aes-128-gcm',
    rekeyIntervalMs: 120_000,
    routes: true,
    preUp: [],
    postUp: [],
    preDown: [],
    postDown: [],
    ...overrides,
  };
  const { name, vni, addresses, mtu, routes } = own;
  const network = { name, vni, addresses, mtu, routes, peers, mode: 'l3', device: true } as const;
  return {
    file: '/etc/icx/icx0.toml',
    interface: own,
    metrics: null,
    log: { level: 'info' },
    peers,
    networks: [{ ...network, announce: [], ports: [], switch: null, relay: null, neighbours: [] }],
  };
}

export function saProgress(spi: number, overrides: Partial<SaProgress> = {}): SaProgress {
  return { spi, lane: 0, packets: 0, missing: 0, budgetUsed: 0, ...overrides };
}

export function progress(overrides: Partial<PeerProgress> = {}): PeerProgress {
  return {
    endpoint: null,
    lastRxAtMs: 0,
    rxPackets: 0,
    rxBytes: 0,
    txPackets: 0,
    txBytes: 0,
    txSas: [],
    rxSas: [],
    ...overrides,
  };
}

export function controlStatus(overrides: Partial<PeerStatus> = {}): PeerStatus {
  return {
    slot: 1,
    name: 'peer-2',
    vni: 7,
    publicKey: peerConfig(2).publicKey,
    state: 'up',
    sinceMs: 0,
    handshakeAtMs: null,
    handshakeDurationMs: null,
    rttMs: null,
    hybrid: null,
    suite: 0,
    carrier: null,
    dialled: null,
    generation: null,
    rx: [],
    tx: [],
    peerMtuBytes: null,
    lastRekey: null,
    lastError: null,
    ...overrides,
  };
}
