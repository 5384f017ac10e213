/** Opens the ports of networks on the main thread, and closes what they were opened with. */
import { closeFd } from '../io/eventfd.ts';
import { closeDgramPort, openDgramPort } from '../port/dgram-socket.ts';
import { openPacketPort } from '../port/packet-socket.ts';
import { MAX_VTEPS } from '../port/vtep-set.ts';
import type { GuestPortSpec, LocalPortSpec } from './messages.ts';
import type { VxlanSockets } from './vxlan-sockets.ts';

interface Named {
  /** Unique in its network. */
  readonly name: string;
  /** Stations that may be learned behind it; null for the switch's own number. */
  readonly maxStations: number | null;
}

/** A Unix datagram socket that carries a virtual machine's frames. */
export interface UnixPortOptions extends Named {
  readonly type: 'unix';
  readonly path: string;
  /** null to learn it from what comes. */
  readonly remote: string | null;
  /** Permission bits. */
  readonly mode: number;
  readonly mtuBytes: number;
  /** CIDR text: of a guest of an IP network, none of a station of an Ethernet network. */
  readonly addresses: readonly string[];
}

/** An interface that the host has already. */
export interface InterfacePortOptions extends Named {
  readonly type: 'interface';
  readonly device: string;
}

/** A VXLAN segment. @see RFC 7348 */
export interface VxlanPortOptions extends Named {
  readonly type: 'vxlan';
  readonly vni: number;
  readonly listen: string;
  readonly listenPort: number;
  readonly remotes: readonly string[];
  readonly group: string | null;
  readonly device: string | null;
  readonly learnRemotes: boolean;
  readonly ttl: number;
  /** Longest packet that the network takes whole. */
  readonly mtuBytes: number;
}

export type PortOptions = UnixPortOptions | InterfacePortOptions | VxlanPortOptions;

/** A port that is open. */
export interface OpenPort {
  readonly name: string;
  readonly spec: LocalPortSpec | GuestPortSpec;
  /** Gives back what it was opened with; no queue may use it any more. */
  close(): void;
}

/** Stations whose VTEP a VXLAN port remembers, where nothing else is said. */
const MAX_VXLAN_STATIONS = 4_096;

/**
 * @param id The switch's number for the port.
 * @throws {SystemCallError | VxlanError | RangeError} with nothing left open.
 */
export function openPort(options: PortOptions, id: number, vxlan: VxlanSockets): OpenPort {
  const { name, maxStations } = options;
  switch (options.type) {
    case 'unix': {
      const dgram = openDgramPort(options);
      const { addresses } = options;
      const spec: OpenPort['spec'] =
        addresses.length > 0
          ? { kind: 'guest', id, dgram, addresses }
          : { kind: 'dgram', id, maxStations, dgram };
      return { name, spec, close: () => closeDgramPort(dgram, options.path) };
    }
    case 'interface': {
      const packet = openPacketPort(options.device);
      return { name, spec: { kind: 'packet', id, maxStations, packet }, close: () => closeFd(packet.fd) };
    }
    case 'vxlan':
      return openVxlan(options, id, vxlan);
  }
}

function openVxlan(options: VxlanPortOptions, id: number, vxlan: VxlanSockets): OpenPort {
  const { name, maxStations, vni, group, listenPort: port, learnRemotes } = options;
  const lease = vxlan.open(options);
  const spec: LocalPortSpec = {
    kind: 'vxlan',
    id,
    maxStations,
    socket: lease.socket,
    tunnel: {
      id,
      vni,
      remotes: options.remotes.map((address) => ({ address, port })),
      group: group === null ? null : { address: group, port },
      learnRemotes,
      maxRemotes: MAX_VTEPS,
      maxStations: maxStations ?? MAX_VXLAN_STATIONS,
      mtuBytes: options.mtuBytes,
    },
  };
  return { name, spec, close: () => lease.close() };
}
