/** Tells what changes between two configs, and what of it a running agent can't take on. */
import { isDeepStrictEqual } from 'node:util';
import type { Change } from '../admin-api.ts';
import { changeDetail } from './change-detail.ts';
import { diffNetworks, hasOnlyNetwork } from './diff-networks.ts';
import { formatEndpoint } from './text-values.ts';
import type { Config, InterfaceConfig, PeerConfig } from './types.ts';

/** What a running agent can change about its interface. */
const LIVE_INTERFACE_KEYS: ReadonlySet<keyof InterfaceConfig> = new Set([
  'addresses',
  'mtu',
  'routes',
  'preDown',
  'postDown',
  'preUp',
  'postUp',
]);

const NOT_TOLD: ReadonlySet<keyof InterfaceConfig> = new Set(['publicKey']);
/** Where either config has `[[network]]`. */
const TOLD_OF_NETWORKS: ReadonlySet<keyof InterfaceConfig> = new Set([
  ...NOT_TOLD,
  'addresses',
  'vni',
  'mtu',
  'routes',
]);
const TOLD_OF_MEMBERS: ReadonlySet<keyof PeerConfig> = new Set(['allowedIps', 'localIps', 'acceptRoutes']);

/**
 * What turns `before` into `after`. Peers are matched by public key.
 *
 * No secret is in it: of a changed private or preshared key only the fact is told.
 */
export function diffConfig(before: Config, after: Config): Change[] {
  const only = hasOnlyNetwork(before) && hasOnlyNetwork(after);
  return [
    ...diffInterface(before.interface, after.interface, only ? NOT_TOLD : TOLD_OF_NETWORKS),
    ...diffMetrics(before, after),
    ...diffPeers(before.peers, after.peers, only ? new Set() : TOLD_OF_MEMBERS),
    ...diffNetworks(before, after),
  ];
}

function diffInterface(
  before: InterfaceConfig,
  after: InterfaceConfig,
  skipped: ReadonlySet<string>,
): Change[] {
  const keys = Object.keys(after) as (keyof InterfaceConfig)[];
  return keys
    .filter((key) => !skipped.has(key) && !isDeepStrictEqual(before[key], after[key]))
    .map((key) => ({
      kind: 'changed',
      subject: 'interface',
      detail: changeDetail(key, before[key], after[key]),
      needs_restart: !LIVE_INTERFACE_KEYS.has(key),
    }));
}

function diffMetrics(before: Config, after: Config): Change[] {
  const listen = (config: Config) => (config.metrics === null ? 'off' : formatEndpoint(config.metrics));
  const changes: Change[] = [];
  const add = (subject: string, from: string, to: string, needsRestart: boolean) => {
    if (from === to) return;
    changes.push({ kind: 'changed', subject, detail: `${from} → ${to}`, needs_restart: needsRestart });
  };
  add('metrics listen', listen(before), listen(after), true);
  add('log level', before.log.level, after.log.level, false);
  return changes;
}

function diffPeers(
  before: readonly PeerConfig[],
  after: readonly PeerConfig[],
  skipped: ReadonlySet<keyof PeerConfig>,
): Change[] {
  const key = (peer: PeerConfig) => Buffer.from(peer.publicKey).toString('hex');
  const old = new Map(before.map((peer) => [key(peer), peer]));
  const kept = new Set(after.map(key));
  const gone = before.filter((peer) => !kept.has(key(peer)));
  return [
    ...gone.map((peer) => peerChange('removed', peer, '')),
    ...after.flatMap((peer) => diffPeer(old.get(key(peer)), peer, skipped)),
  ];
}

function diffPeer(
  before: PeerConfig | undefined,
  after: PeerConfig,
  skipped: ReadonlySet<keyof PeerConfig>,
): Change[] {
  if (before === undefined) return [peerChange('added', after, after.allowedIps.join(', '))];
  const keys = Object.keys(after) as (keyof PeerConfig)[];
  return keys
    .filter((key) => !skipped.has(key) && !isDeepStrictEqual(before[key], after[key]))
    .map((key) => peerChange('changed', after, changeDetail(key, before[key], after[key])));
}

function peerChange(kind: Change['kind'], peer: PeerConfig, text: string): Change {
  return { kind, subject: `peer ${peer.name}`, detail: text, needs_restart: false };
}
