/** Checks that every inner address has one place: a peer of one network, or a guest. */
import type { PlacedNetwork } from './networks.ts';
import type { PlacedPeer } from './peers.ts';
import { portsOf } from './ports.ts';
import type { ConfigReader } from './section.ts';
import { isIpv6 } from './text-values.ts';

export function checkRoutes(reader: ConfigReader, networks: readonly PlacedNetwork[]): void {
  for (const network of networks) {
    checkOwners(reader, network.members);
    checkGuests(reader, network);
  }
  checkKernelRoutes(reader, networks);
}

/** Exactly one peer may own a (destination, source) pair. */
function checkOwners(reader: ConfigReader, peers: readonly PlacedPeer[]): void {
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

/** The guests of an l3 network: a prefix goes to one of them, and to no peer. */
function checkGuests(reader: ConfigReader, { members, ports }: PlacedNetwork): void {
  const owners = new Map<string, string>();
  for (const { config } of members) {
    for (const prefix of config.allowedIps) owners.set(prefix, `in the allowed_ips of peer ${config.name}`);
  }
  for (const { path, name, config } of portsOf('unix', ports)) {
    for (const [index, prefix] of config.addresses.entries()) {
      const owner = owners.get(prefix);
      if (owner !== undefined) {
        reader.report([...path, 'address', index], `address ${prefix} is ${owner} too`, 'remove one');
      }
      owners.set(prefix, `an address of port ${name}`);
    }
  }
}

/** The kernel has one route for a prefix, whatever number of networks would like it. */
function checkKernelRoutes(reader: ConfigReader, networks: readonly PlacedNetwork[]): void {
  const owners = new Map<string, PlacedNetwork>();
  for (const network of networks.filter(({ config }) => config.device && config.routes)) {
    for (const { path, config } of network.members) {
      for (const [index, prefix] of config.allowedIps.entries()) {
        const owner = owners.get(prefix) ?? network;
        owners.set(prefix, owner);
        if (owner === network) continue;
        reader.report(
          [...path, 'allowed_ips', index],
          `allowed_ips ${prefix} is routed to network ${owner.config.name} too`,
          'set routes = false in one of the two',
        );
      }
    }
  }
}
