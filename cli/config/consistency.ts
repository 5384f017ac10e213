/** Checks what one value alone can't tell: contradictions between the parts of a config. */
import { checkAnnouncements } from './check-announcements.ts';
import { checkNetworks } from './check-networks.ts';
import { checkPorts } from './check-ports.ts';
import { checkExits, checkRelay } from './check-relay.ts';
import { checkRoutes } from './check-routes.ts';
import { checkSwitch } from './check-switch.ts';
import { checkVxlan } from './check-vxlan.ts';
import type { PlacedNetwork } from './networks.ts';
import type { PlacedPeer } from './peers.ts';
import type { ConfigReader } from './section.ts';
import type { InterfaceConfig, MetricsConfig } from './types.ts';

export function checkConsistency(
  reader: ConfigReader,
  own: InterfaceConfig,
  metrics: MetricsConfig | null,
  peers: readonly PlacedPeer[],
  networks: readonly PlacedNetwork[],
): void {
  checkOwnPorts(reader, own, metrics);
  checkNames(reader, peers);
  checkKeys(reader, own, peers);
  checkNetworks(reader, networks);
  checkRoutes(reader, networks);
  checkPorts(reader, networks);
  checkVxlan(reader, own, networks);
  for (const network of networks) {
    checkSwitch(reader, network);
    checkAnnouncements(reader, network);
    checkRelay(reader, network);
  }
  checkExits(reader, peers, networks);
}

function checkOwnPorts(reader: ConfigReader, own: InterfaceConfig, metrics: MetricsConfig | null): void {
  if (own.listenPort === own.controlPort && own.listenPort !== 0) {
    const given = reader.valueAt(['interface', 'control_port']) !== undefined;
    reader.report(
      ['interface', given ? 'control_port' : 'listen_port'],
      `listen_port and control_port are both ${own.listenPort}`,
      'give each its own port',
    );
  }
  if (own.controlTransport === 'webtransport' && metrics?.port === own.controlPort) {
    reader.report(
      ['metrics', 'listen'],
      `metrics and control_port share port ${metrics.port}, which webtransport may use over TCP`,
      'give each its own port',
    );
  }
}

function checkNames(reader: ConfigReader, peers: readonly PlacedPeer[]): void {
  const seen = new Set<string>();
  for (const { path, config } of peers) {
    if (config.name === '') continue;
    if (seen.has(config.name)) {
      reader.report([...path, 'name'], `there are two peers named "${config.name}"`, 'rename one');
    }
    seen.add(config.name);
  }
}

function checkKeys(reader: ConfigReader, own: InterfaceConfig, peers: readonly PlacedPeer[]): void {
  const seen = new Map<string, string>();
  const ownKey = Buffer.from(own.publicKey).toString('hex');
  for (const { path, config } of peers) {
    const key = Buffer.from(config.publicKey).toString('hex');
    if (key === '') continue;
    const at = [...path, 'public_key'];
    const other = seen.get(key);
    if (key === ownKey) {
      reader.report(at, 'public_key is this host’s own key', 'a peer is another host: use its icx pubkey');
    } else if (other !== undefined) {
      reader.report(
        at,
        `public_key is that of peer ${other} too`,
        'join the two sections or correct the key',
      );
    }
    seen.set(key, config.name);
  }
}
