/** Checks the ports of all networks: names, sockets, host interfaces, and what their network's mode takes. */
import { MIN_IPV6_MTU_BYTES } from './check-networks.ts';
import type { PlacedNetwork } from './networks.ts';
import { type PlacedPort, portsOf } from './ports.ts';
import type { ConfigReader } from './section.ts';
import { isIpv6 } from './text-values.ts';

export function checkPorts(reader: ConfigReader, networks: readonly PlacedNetwork[]): void {
  for (const network of networks) {
    checkNames(reader, network);
    for (const port of network.ports) checkMode(reader, network, port);
    checkGuestMtu(reader, network);
  }
  checkSockets(reader, networks);
  checkDevices(reader, networks);
}

function checkNames(reader: ConfigReader, { ports }: PlacedNetwork): void {
  const seen = new Set<string>();
  for (const { path, name } of ports) {
    if (name !== '' && seen.has(name)) {
      reader.report([...path, 'name'], `there are two ports named "${name}"`, 'rename one');
    }
    seen.add(name);
  }
}

/** In l3 a guest is found by its address, in l2 by its MAC. */
function checkMode(reader: ConfigReader, { mode }: PlacedNetwork, { path, name, config }: PlacedPort): void {
  const has = (key: string) => reader.valueAt([...path, key]) !== undefined;
  if (config === null || mode === null) return;
  if (config.type !== 'unix') {
    if (mode === 'l2') return;
    const hint = 'set mode = "l2", or use a unix port';
    reader.report([...path, 'type'], `an l3 network cannot have ${config.type} ports`, hint);
  } else if (mode === 'l2' && has('address')) {
    const hint = 'remove it: guests of an l2 network are found by their MAC';
    reader.report([...path, 'address'], 'address is of guests of an l3 network', hint);
  } else if (mode === 'l3') {
    if (reader.isEmpty([...path, 'address'])) {
      const hint = 'write the inner addresses of its guest, like address = ["10.77.0.9"]';
      reader.report(path, `port ${name} has no address`, hint);
    }
    if (!has('max_stations')) return;
    reader.report([...path, 'max_stations'], 'max_stations is of l2 networks', 'remove it');
  }
}

/** A guest that sends more than its network carries would lose it without a word. */
function checkGuestMtu(reader: ConfigReader, network: PlacedNetwork): void {
  const { mtu: most } = network.config;
  for (const { path, config } of portsOf('unix', network.ports)) {
    const { mtu } = config;
    if (mtu === null) continue;
    const ipv6 = config.addresses.find(isIpv6);
    if (most !== 'auto' && mtu > most) {
      const message = `cannot use mtu = ${mtu}: that of the network is ${most}`;
      reader.report([...path, 'mtu'], message, `expected at most ${most}`);
    } else if (mtu < MIN_IPV6_MTU_BYTES && ipv6 !== undefined) {
      const message = `cannot use mtu = ${mtu} with address ${ipv6}`;
      reader.report([...path, 'mtu'], message, `IPv6 needs at least ${MIN_IPV6_MTU_BYTES}`);
    }
  }
}

/** A socket has one owner, also where it is the remote of another port. */
function checkSockets(reader: ConfigReader, networks: readonly PlacedNetwork[]): void {
  const owners = new Map<string, string>();
  for (const { path, name, config } of networks.flatMap(({ ports }) => portsOf('unix', ports))) {
    for (const key of ['path', 'remote'] as const) {
      const socket = config[key];
      if (socket === null || socket === '') continue;
      const owner = owners.get(socket);
      if (owner !== undefined) {
        const message = `${key} ${socket} is the ${owner} too`;
        reader.report([...path, key], message, 'each socket needs a path of its own');
      }
      owners.set(socket, `${key} of port ${name}`);
    }
  }
}

/** One that is in two networks would join them; one of ours would send back what it gets. */
function checkDevices(reader: ConfigReader, networks: readonly PlacedNetwork[]): void {
  const owners = new Map<string, string>();
  for (const { config } of networks) {
    if (config.device && config.name !== '')
      owners.set(config.name, `the interface of network ${config.name}`);
  }
  for (const { path, name, config } of networks.flatMap(({ ports }) => portsOf('interface', ports))) {
    if (config.device === '') continue;
    const owner = owners.get(config.device);
    if (owner !== undefined) {
      const message = `device ${config.device} is ${owner}`;
      reader.report([...path, 'device'], message, 'name another interface of this host');
    }
    owners.set(config.device, `the device of port ${name} already`);
  }
}
