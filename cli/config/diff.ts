/** Tells what changes between two configs, and what of it a running agent can't take on. */
import { isDeepStrictEqual } from 'node:util';
import type { Change } from '../admin-api.ts';
import { formatDuration, formatEndpoint } from './text-values.ts';
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

/**
 * What turns `before` into `after`. Peers are matched by public key.
 *
 * No secret is in it: of a changed private or preshared key only the fact is told.
 */
export function diffConfig(before: Config, after: Config): Change[] {
  return [
    ...diffInterface(before.interface, after.interface),
    ...diffMetrics(before, after),
    ...diffPeers(before.peers, after.peers),
  ];
}

function diffInterface(before: InterfaceConfig, after: InterfaceConfig): Change[] {
  const keys = Object.keys(after) as (keyof InterfaceConfig)[];
  return keys
    .filter((key) => key !== 'publicKey' && !isDeepStrictEqual(before[key], after[key]))
    .map((key) => ({
      kind: 'changed',
      subject: 'interface',
      detail: detail(key, before[key], after[key]),
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

function diffPeers(before: readonly PeerConfig[], after: readonly PeerConfig[]): Change[] {
  const key = (peer: PeerConfig) => Buffer.from(peer.publicKey).toString('hex');
  const old = new Map(before.map((peer) => [key(peer), peer]));
  const kept = new Set(after.map(key));
  const gone = before.filter((peer) => !kept.has(key(peer)));
  return [
    ...gone.map((peer) => peerChange('removed', peer, '')),
    ...after.flatMap((peer) => diffPeer(old.get(key(peer)), peer)),
  ];
}

function diffPeer(before: PeerConfig | undefined, after: PeerConfig): Change[] {
  if (before === undefined) return [peerChange('added', after, after.allowedIps.join(', '))];
  const keys = Object.keys(after) as (keyof PeerConfig)[];
  return keys
    .filter((key) => !isDeepStrictEqual(before[key], after[key]))
    .map((key) => peerChange('changed', after, detail(key, before[key], after[key])));
}

function peerChange(kind: Change['kind'], peer: PeerConfig, text: string): Change {
  return { kind, subject: `peer ${peer.name}`, detail: text, needs_restart: false };
}

type Value = InterfaceConfig[keyof InterfaceConfig] | PeerConfig[keyof PeerConfig];

function detail(key: string, before: Value, after: Value): string {
  if (key === 'seed') return 'private key';
  const name = key.replace(/Ms$|Pps$/, '').replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  if (key === 'presharedKey') return 'preshared_key';
  return `${name}: ${describe(key, before)} → ${describe(key, after)}`;
}

function describe(key: string, value: Value): string {
  if (value === null) return 'none';
  if (value instanceof Uint8Array) return '(key)';
  if (key.endsWith('Ms')) return value === 0 ? 'off' : formatDuration(Number(value));
  if (typeof value === 'object' && 'host' in value) return formatEndpoint(value);
  return Array.isArray(value) ? `[${value.join(', ')}]` : String(value);
}
