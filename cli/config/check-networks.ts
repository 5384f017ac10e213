/** Checks each network by itself, and that no two have in common what each needs alone. */
import type { PlacedNetwork } from './networks.ts';
import { portsOf } from './ports.ts';
import { hasRelay } from './relay.ts';
import type { ConfigReader } from './section.ts';
import { isIpv6, withoutLength } from './text-values.ts';
import type { TomlPath } from './toml-document.ts';

/** The smallest MTU that IPv6 may have. @see RFC 8200 section 5 */
export const MIN_IPV6_MTU_BYTES = 1280;

export function checkNetworks(reader: ConfigReader, networks: readonly PlacedNetwork[]): void {
  checkNames(reader, networks);
  checkVnis(reader, networks);
  checkOwnAddresses(reader, networks);
  for (const network of networks) {
    checkMembers(reader, network);
    checkMtu(reader, network);
    if (!network.config.device) checkWithoutDevice(reader, network);
  }
}

function checkNames(reader: ConfigReader, networks: readonly PlacedNetwork[]): void {
  const seen = new Set<string>();
  for (const { path, config } of networks) {
    if (config.name !== '' && seen.has(config.name)) {
      reader.report([...path, 'name'], `there are two networks named "${config.name}"`, 'rename one');
    }
    seen.add(config.name);
  }
}

/** It is all that tells packets of two networks apart. */
function checkVnis(reader: ConfigReader, networks: readonly PlacedNetwork[]): void {
  const seen = new Map<number, string>();
  for (const { path, config } of networks) {
    const other = seen.get(config.vni);
    if (config.vni !== 0 && other !== undefined) {
      reader.report(
        [...path, 'vni'],
        `vni ${config.vni} is that of network ${other} too`,
        'give each network its own',
      );
    }
    seen.set(config.vni, config.name);
  }
}

function checkOwnAddresses(reader: ConfigReader, networks: readonly PlacedNetwork[]): void {
  const seen = new Map<string, PlacedNetwork>();
  for (const network of networks) {
    for (const [index, address] of network.config.addresses.entries()) {
      const bare = withoutLength(address);
      const at = [...network.path, 'address', index];
      const other = seen.get(bare);
      if (other === network) {
        reader.report(at, `address ${bare} stands here twice`, 'remove one');
      } else if (other !== undefined) {
        const text = `address ${bare} is of network ${other.config.name} too`;
        reader.report(at, text, 'each network needs an address of its own');
      }
      seen.set(bare, network);
    }
  }
}

/** An own address belongs to nobody else: its packets would leave through the tunnel. */
function checkMembers(reader: ConfigReader, network: PlacedNetwork): void {
  const own = new Set(network.config.addresses.map(withoutLength));
  const check = (path: TomlPath, what: string, prefixes: readonly string[]) => {
    for (const [index, prefix] of prefixes.entries()) {
      const isHost = prefix.endsWith(isIpv6(prefix) ? '/128' : '/32');
      if (!isHost || !own.has(withoutLength(prefix))) continue;
      const hint = 'each host needs an address of its own';
      reader.report([...path, index], `${what} ${prefix} is an address of this host`, hint);
    }
  };
  const seen = new Set<string>();
  for (const { path, config } of network.members) {
    check([...path, 'allowed_ips'], 'allowed_ips', config.allowedIps);
    if (path !== network.path && seen.has(config.name) && network.inside.length > 0) {
      reader.report([...path, 'name'], `peer ${config.name} stands in this network twice`, 'remove one');
    }
    seen.add(config.name);
    // A filter that nobody applies would look like one that holds.
    if (network.mode !== 'l2' || reader.valueAt([...path, 'local_ips']) === undefined) continue;
    const hint = 'remove it: an l2 network forwards by MAC and checks no inner addresses';
    reader.report([...path, 'local_ips'], 'local_ips cannot hold in an l2 network', hint);
  }
  for (const { path, config } of portsOf('unix', network.ports)) {
    check([...path, 'address'], 'address', config.addresses);
  }
}

function checkMtu(reader: ConfigReader, network: PlacedNetwork): void {
  const { addresses, device, mtu, peers, ports, routes } = network.config;
  if (mtu === 'auto' || mtu >= MIN_IPV6_MTU_BYTES) return;
  const routed = device && routes ? peers.flatMap((peer) => peer.allowedIps) : [];
  const accepted = device && routes ? peers.flatMap((peer) => peer.acceptRoutes) : [];
  const guests = ports.flatMap((port) => (port.type === 'unix' ? port.addresses : []));
  const own = addresses.some(isIpv6) ? 'an IPv6 address' : undefined;
  const route = routed.find(isIpv6);
  const guest = guests.find(isIpv6);
  const announced = accepted.find(isIpv6);
  const what =
    own ??
    (route && `allowed_ips ${route}`) ??
    (announced && `accept_routes ${announced}`) ??
    (guest && `address ${guest} of a guest`);
  if (what === undefined) return;
  reader.report(
    [...network.path, 'mtu'],
    `cannot use mtu = ${mtu} with ${what}`,
    `IPv6 needs at least ${MIN_IPV6_MTU_BYTES}`,
  );
}

function checkWithoutDevice(reader: ConfigReader, { path, inside, config }: PlacedNetwork): void {
  if (config.addresses.length > 0) {
    const hint = 'remove the address, or interface = false';
    reader.report([...path, 'address'], 'a network without interface has no address', hint);
  }
  if (reader.tables([...inside, 'port']).length > 0 || hasRelay(reader, inside)) return;
  const message = `network ${config.name} has neither an interface nor a port nor a relay`;
  const hint = 'remove interface = false, or add a [[network.port]] or a [network.relay]';
  reader.report([...path, 'interface'], message, hint);
}
