/** Turns a port of the config, or of a request, into what the data plane opens. */
import type { PortOptions } from '../../dataplane/worker/port-options.ts';
import type { PortConfig } from '../config/types.ts';
import type { PortSpec } from '../port-spec.ts';

/** Longest payload of a frame: a port takes what it gets, and answers what no path takes. */
const MAX_MTU_BYTES = 65_535;
const OWNER_ONLY = 0o600;
/** IANA's port, and the config's default for how far a group reaches. */
const VXLAN = { port: 4_789, ttl: 64 } as const;
const ANY = { 4: '0.0.0.0', 6: '::' } as const;

/** @param mtuBytes Of the network's interface. */
export function portOptions(port: PortConfig, mtuBytes: number): PortOptions {
  if (port.type === 'unix') {
    const { type, name, path, remote, mode, maxStations, addresses } = port;
    return { type, name, path, remote, mode, mtuBytes: port.mtu ?? MAX_MTU_BYTES, maxStations, addresses };
  }
  if (port.type === 'interface') return port;
  return { ...port, maxStations: null, mtuBytes };
}

/**
 * @param vni      Of the network, which a VXLAN port has where nothing else is said.
 * @param mtuBytes Of the network's interface.
 */
export function requestedPort(port: PortSpec, vni: number, mtuBytes: number): PortOptions {
  const { name } = port;
  const maxStations = port.max_stations ?? null;
  if (port.type === 'unix') {
    return {
      type: port.type,
      name,
      path: port.path,
      remote: port.remote ?? null,
      mode: port.mode === undefined ? OWNER_ONLY : Number.parseInt(port.mode, 8),
      mtuBytes: port.mtu ?? MAX_MTU_BYTES,
      maxStations,
      addresses: port.address ?? [],
    };
  }
  if (port.type === 'interface') return { type: port.type, name, device: port.device, maxStations };
  const other = port.remotes?.[0] ?? port.group ?? '';
  return {
    type: port.type,
    name,
    vni: port.vni ?? vni,
    listen: port.listen ?? (other.includes(':') ? ANY[6] : ANY[4]),
    listenPort: port.listen_port ?? VXLAN.port,
    remotes: port.remotes ?? [],
    group: port.group ?? null,
    device: port.device ?? null,
    learnRemotes: port.learn_remotes ?? port.group !== undefined,
    ttl: port.ttl ?? VXLAN.ttl,
    maxStations,
    mtuBytes,
  };
}

/** Where a port leads to, for people. */
export function portDetail(options: PortOptions): string {
  switch (options.type) {
    case 'unix': {
      const { path, remote, addresses } = options;
      const socket = remote === null ? path : `${path} to ${remote}`;
      return [socket, ...addresses].join(', ');
    }
    case 'interface':
      return options.device;
    case 'vxlan': {
      const { vni, remotes, group, learnRemotes } = options;
      const others = [...remotes, ...(group === null ? [] : [group]), ...(learnRemotes ? ['learned'] : [])];
      return `vni ${vni} to ${others.join(', ')}`;
    }
  }
}
