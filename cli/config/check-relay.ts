/** Checks the relay of each network, and that whoever may use this host as an exit finds one. */
import { contains, parsePrefix } from '../../dataplane/route/prefix.ts';
import type { PlacedNetwork } from './networks.ts';
import type { PlacedPeer } from './peers.ts';
import { portsOf } from './ports.ts';
import { hasRelay } from './relay.ts';
import type { ConfigReader } from './section.ts';
import { isIpv6, withoutLength } from './text-values.ts';
import type { TomlPath } from './toml-document.ts';
import type { RelayConfig } from './types.ts';

export function checkRelay(reader: ConfigReader, network: PlacedNetwork): void {
  const { relay } = network.config;
  if (relay === null) return;
  const path = [...network.inside, 'relay'];
  checkAddresses(reader, network, path, relay);
  checkResolver(reader, path, relay);
  checkPrefixes(reader, path, relay);
  if (network.mode !== 'l2' || !reader.isEmpty([...path, 'address'])) return;
  const hint = 'write the gateway that its guests route to, like address = ["10.77.0.254"]';
  reader.report(path, 'the relay of an l2 network needs an address', hint);
}

/** One for each family, which is nobody else's. */
function checkAddresses(
  reader: ConfigReader,
  network: PlacedNetwork,
  path: TomlPath,
  { addresses }: RelayConfig,
): void {
  const owners = ownersOf(network);
  for (const [index, address] of addresses.entries()) {
    const at = [...path, 'address', index];
    const other = addresses.slice(0, index).find((earlier) => isIpv6(earlier) === isIpv6(address));
    if (other !== undefined) {
      const family = isIpv6(address) ? 'IPv6' : 'IPv4';
      reader.report(at, `address ${address} is the second ${family} address after ${other}`, 'remove one');
    }
    const owner = owners.get(address);
    if (owner === undefined) continue;
    reader.report(at, `address ${address} is ${owner} too`, 'the relay needs an address of its own');
  }
}

/** Who has which address of the network, for the end of a sentence. */
function ownersOf({ config, members, ports }: PlacedNetwork): ReadonlyMap<string, string> {
  const owners = new Map<string, string>();
  const add = (prefixes: readonly string[], what: string) => {
    for (const prefix of prefixes.filter(isHost)) owners.set(withoutLength(prefix), what);
  };
  for (const { ip } of config.neighbours) owners.set(ip, 'a neighbour');
  for (const { name, config: port } of portsOf('unix', ports)) add(port.addresses, `that of port ${name}`);
  for (const { config: peer } of members) add(peer.allowedIps, `in the allowed_ips of peer ${peer.name}`);
  for (const address of config.addresses) owners.set(withoutLength(address), 'that of the interface');
  return owners;
}

function isHost(prefix: string): boolean {
  return prefix.endsWith(isIpv6(prefix) ? '/128' : '/32');
}

/** DNS comes to the relay's own address, and leaves to a place that guests are not kept from. */
function checkResolver(reader: ConfigReader, path: TomlPath, relay: RelayConfig): void {
  const { resolver, addresses, deny } = relay;
  if (resolver === null) return;
  const report = (message: string, hint: string) => reader.report([...path, 'resolver'], message, hint);
  if (reader.isEmpty([...path, 'address'])) {
    report('resolver needs an address of the relay', 'write it, like address = ["10.77.0.254"]');
  }
  if (addresses.includes(resolver)) {
    report(`resolver ${resolver} is the relay itself`, 'name a DNS server that this host reaches');
  }
  const denied = deny.find((prefix) => contains(parsePrefix(prefix), parsePrefix(resolver)));
  if (denied !== undefined)
    report(`resolver ${resolver} is in deny ${denied}`, 'name another, or take it out of deny');
}

function checkPrefixes(reader: ConfigReader, path: TomlPath, { allow, deny }: RelayConfig): void {
  for (const [index, prefix] of allow.entries()) {
    if (!deny.includes(prefix)) continue;
    reader.report([...path, 'allow', index], `${prefix} is in allow and in deny`, 'remove one');
  }
}

/** A right that nothing gives would look like one. */
export function checkExits(
  reader: ConfigReader,
  peers: readonly PlacedPeer[],
  networks: readonly PlacedNetwork[],
): void {
  for (const { path, config } of peers) {
    if (config.exit === null) continue;
    const own = networks.filter(({ members }) =>
      members.some((member) => member.config.name === config.name),
    );
    if (own.some(({ inside }) => hasRelay(reader, inside))) continue;
    const section = networks.some(({ inside }) => inside.length > 0) ? '[network.relay]' : '[relay]';
    const message = `exit = "${config.exit}" of peer ${config.name} needs a relay`;
    reader.report([...path, 'exit'], message, `add a ${section} section`);
  }
}
