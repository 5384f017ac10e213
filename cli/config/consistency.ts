/** Checks what one value alone can't tell: contradictions between the parts of a config. */
import type { PlacedPeer } from './peers.ts';
import type { ConfigReader } from './section.ts';
import type { InterfaceConfig, MetricsConfig } from './types.ts';

/** The smallest MTU that IPv6 may have. @see RFC 8200 section 5 */
const MIN_IPV6_MTU_BYTES = 1280;

export function checkConsistency(
  reader: ConfigReader,
  own: InterfaceConfig,
  metrics: MetricsConfig | null,
  peers: readonly PlacedPeer[],
): void {
  checkPorts(reader, own, metrics);
  checkMtu(reader, own, peers);
  checkAddresses(reader, own, peers);
  checkNames(reader, peers);
  checkKeys(reader, own, peers);
  checkRoutes(reader, peers);
}

function checkPorts(reader: ConfigReader, own: InterfaceConfig, metrics: MetricsConfig | null): void {
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

function checkMtu(reader: ConfigReader, own: InterfaceConfig, peers: readonly PlacedPeer[]): void {
  if (own.mtu === 'auto' || own.mtu >= MIN_IPV6_MTU_BYTES) return;
  const routed = own.routes ? peers.flatMap(({ config }) => config.allowedIps) : [];
  const ipv6 = own.addresses.find(isIpv6) ?? routed.find(isIpv6);
  if (ipv6 === undefined) return;
  reader.report(
    ['interface', 'mtu'],
    `cannot use mtu = ${own.mtu} with ${own.addresses.some(isIpv6) ? 'an IPv6 address' : `allowed_ips ${ipv6}`}`,
    `IPv6 needs at least ${MIN_IPV6_MTU_BYTES}`,
  );
}

function isIpv6(address: string): boolean {
  return address.includes(':');
}

function withoutLength(address: string): string {
  return address.slice(0, address.lastIndexOf('/'));
}

/** An own address belongs to nobody else: its packets would leave through the tunnel. */
function checkAddresses(reader: ConfigReader, own: InterfaceConfig, peers: readonly PlacedPeer[]): void {
  const seen = new Set<string>();
  for (const [index, address] of own.addresses.entries()) {
    const bare = withoutLength(address);
    if (seen.has(bare)) {
      reader.report(['interface', 'address', index], `address ${bare} stands here twice`, 'remove one');
    }
    seen.add(bare);
  }
  for (const { path, config } of peers) {
    for (const [index, prefix] of config.allowedIps.entries()) {
      const isHost = prefix.endsWith(isIpv6(prefix) ? '/128' : '/32');
      if (!isHost || !seen.has(withoutLength(prefix))) continue;
      reader.report(
        [...path, 'allowed_ips', index],
        `allowed_ips ${prefix} is an address of this host`,
        'each host needs an address of its own',
      );
    }
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

/** Exactly one peer may own a (destination, source) pair. */
function checkRoutes(reader: ConfigReader, peers: readonly PlacedPeer[]): void {
  const owners = new Map<string, PlacedPeer>();
  for (const peer of peers) {
    const { allowedIps, localIps } = peer.config;
    for (const [index, dst] of allowedIps.entries()) {
      const clash = localIps
        .filter((src) => isIpv6(src) === isIpv6(dst))
        .map((src) => ({ src, owner: claim(owners, `${dst} ${src}`, peer) }))
        .find(({ owner }) => owner !== peer || allowedIps.indexOf(dst) < index);
      if (clash === undefined) continue;
      const who =
        clash.owner === peer ? 'stands here twice' : `belongs to peer ${clash.owner.config.name} too`;
      reader.report(
        [...peer.path, 'allowed_ips', index],
        `allowed_ips ${dst} (local_ips ${clash.src}) ${who}`,
        clash.owner === peer ? 'remove one' : 'packets have one way only: remove it from one peer',
      );
    }
  }
}

/** First come, first served. @returns the owner */
function claim(owners: Map<string, PlacedPeer>, route: string, peer: PlacedPeer): PlacedPeer {
  const owner = owners.get(route) ?? peer;
  owners.set(route, owner);
  return owner;
}
