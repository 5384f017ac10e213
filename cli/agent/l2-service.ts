/** What a running agent does with the stations, ports and neighbours of its networks when asked. */

import { ANYWHERE } from '../../dataplane/worker/messages.ts';
import type { PoolGuests } from '../../dataplane/worker/pool-guests.ts';
import type { PoolNetwork } from '../../dataplane/worker/pool-network.ts';
import type { PoolPorts } from '../../dataplane/worker/pool-ports.ts';
import type { PoolSwitch } from '../../dataplane/worker/pool-switch.ts';
import type {
  FdbAdd,
  FdbChange,
  FdbDel,
  FdbFlush,
  FdbReport,
  L2Api,
  NeighReport,
  NetworkChoice,
  PortAdd,
  PortChange,
  PortDel,
  PortReport,
} from '../admin-l2-api.ts';
import { CliError, Exit } from '../cli-error.ts';
import { FOR_GUESTS, type NamedNetwork, networkFor, networksFor, WITH_PORTS } from './l2-networks.ts';
import { readPorts } from './network-readings.ts';
import { portId } from './network-switch.ts';
import type { Overlay } from './overlay.ts';
import type { OverlayNetwork } from './overlay-network.ts';
import type { PeerEntry } from './peer-table.ts';
import { requestedPort } from './port-plan.ts';

/** A network that takes ports. */
interface Ported<P extends PoolPorts> extends NamedNetwork {
  readonly network: OverlayNetwork;
  readonly own: P;
  readonly peers: readonly PeerEntry[];
  /** The switch's number for the port of its relay; 0 where it has none. */
  readonly relayPort: number;
}
type Joined = Ported<PoolSwitch> | Ported<PoolGuests>;

type Place = { readonly port: string; readonly kind: 'port' | 'peer' };

export class L2Service implements L2Api {
  readonly #overlay: Overlay;

  constructor(overlay: Overlay) {
    this.#overlay = overlay;
  }

  async fdbShow({ network }: NetworkChoice): Promise<FdbReport> {
    const networks = networksFor(this.#switched(), network).map(async (each) => {
      const entries = (await each.own.stations()).map(({ mac, port, isStatic, ageMs }) => ({
        mac,
        ...placeOf(each, port),
        state: stateOf(isStatic),
        age_seconds: isStatic ? null : seconds(ageMs ?? 0),
      }));
      const ageing = seconds(each.network.config.switch?.ageingMs ?? 0);
      return { network: each.name, vni: each.vni, ageing_seconds: ageing, entries: entries.sort(byMac) };
    });
    return { networks: await Promise.all(networks) };
  }

  async fdbAdd({ network, mac, port, peer }: FdbAdd): Promise<FdbChange> {
    const { name, own, peers } = networkFor(this.#switched(), network);
    const id = portId(own, peers, port ?? null, peer ?? null);
    const wasThere = await own.removeStation(mac);
    await own.addStation(mac, id);
    return { network: name, removed: Number(wasThere) };
  }

  async fdbDel({ network, mac }: FdbDel): Promise<FdbChange> {
    const { name, own } = networkFor(this.#switched(), network);
    if (await own.removeStation(mac)) return { network: name, removed: 1 };
    const hint = 'icx fdb show lists those that there are';
    throw new CliError(`no station ${mac} in ${name}`, hint, Exit.failed, 'ERR_ICX_NO_STATION');
  }

  async fdbFlush({ network, port, peer }: FdbFlush): Promise<FdbChange> {
    const { name, own, peers } = networkFor(this.#switched(), network);
    const isAll = port === undefined && peer === undefined;
    const id = isAll ? null : portId(own, peers, port ?? null, peer ?? null);
    return { network: name, removed: await own.flush(id) };
  }

  async portList({ network }: NetworkChoice): Promise<PortReport> {
    const networks = networksFor(this.#joined(), network, WITH_PORTS).map(
      async ({ name, vni, network: own }) => ({
        network: name,
        vni,
        ports: await readPorts(this.#overlay, own),
      }),
    );
    return { networks: await Promise.all(networks) };
  }

  async portAdd({ network, port }: PortAdd): Promise<PortChange> {
    const { name, vni, own, network: running } = this.#placeFor(port, network);
    if (own.portId(port.name) !== undefined) {
      const hint = 'choose another name, or remove that one: icx port del';
      throw new CliError(`${name} has a port ${port.name}`, hint, Exit.failed, 'ERR_ICX_PORT_NAME');
    }
    await own.addPort(requestedPort(port, vni, running.mtu.mtuBytes));
    return { network: name, port: port.name };
  }

  async portDel({ network, name: port }: PortDel): Promise<PortChange> {
    const { name, own } = networkFor(this.#joined(), network, WITH_PORTS);
    if (await own.removePort(port)) return { network: name, port };
    const isDevice = own.portId(port) !== undefined;
    const names = own.ports().flatMap(({ name: each, options }) => (options === null ? [] : [each]));
    throw new CliError(
      isDevice ? `${port} is the network's own interface` : `no port ${port} in ${name}`,
      names.length === 0 ? 'there is none that can be removed' : `here are ${names.join(', ')}`,
      Exit.failed,
      'ERR_ICX_NO_PORT',
    );
  }

  async neighShow({ network }: NetworkChoice): Promise<NeighReport> {
    const networks = networksFor(this.#joined(), network, WITH_PORTS).map(async (each) => {
      const neighbours = (await each.own.neighbours()).map(({ ip, mac, port, isStatic, ageMs }) => ({
        ip,
        mac,
        ...placeOf(each, port),
        state: stateOf(isStatic),
        age_seconds: isStatic ? null : seconds(ageMs),
      }));
      return { network: each.name, vni: each.vni, neighbours };
    });
    return { networks: await Promise.all(networks) };
  }

  /** A port with inner addresses is a guest's, and only L3 networks have those. */
  #placeFor(port: PortAdd['port'], wanted: string | undefined): Joined {
    const isGuest = port.type === 'unix' && port.address !== undefined;
    const routed = this.#ported(({ guests }) => guests);
    if (isGuest) return networkFor(routed, wanted, FOR_GUESTS);
    const isRouted = routed.some(({ name, vni }) => wanted === name || wanted === String(vni));
    const switched = this.#switched();
    if (!isRouted || switched.some(({ name }) => name === wanted)) return networkFor(switched, wanted);
    throw new CliError(
      `port ${port.name} has no address in ${wanted}, which is an L3 network`,
      'ports there are of --type unix with the --address of their guest',
      Exit.usage,
      'ERR_ICX_USAGE',
    );
  }

  #switched(): Ported<PoolSwitch>[] {
    return this.#ported((network) => network.switch);
  }

  /** Those that have ports, or are made for them. */
  #joined(): Joined[] {
    const routed = this.#ported(({ guests }) => guests);
    return [...this.#switched(), ...routed.filter(({ own }) => own.ports().length > 0)];
  }

  #ported<P extends PoolPorts>(portsOf: (network: PoolNetwork) => P | null): Ported<P>[] {
    const { pool, peers } = this.#overlay;
    return this.#overlay.networks().flatMap((network) => {
      const held = pool.network(network.vni);
      const own = held === undefined ? null : portsOf(held);
      const { vni, config } = network;
      const relayPort = held?.relay?.port ?? 0;
      return own === null ? [] : [{ network, own, name: config.name, vni, peers: peers.of(vni), relayPort }];
    });
  }
}

/** The port or peer that the network's number means. */
function placeOf({ own, peers, relayPort }: Joined, id: number): Place {
  const peer = peers.find(({ slot }) => slot === id);
  if (peer !== undefined) return { port: peer.config.name, kind: 'peer' };
  if (id === ANYWHERE) return { port: 'any', kind: 'peer' };
  const name = own.ports().find((port) => port.id === id)?.name;
  // The relay's station is behind a port that nobody opened.
  return { port: name ?? (id === relayPort ? 'relay' : `port ${id}`), kind: 'port' };
}

function stateOf(isStatic: boolean): 'static' | 'learned' {
  return isStatic ? 'static' : 'learned';
}

function byMac(a: { readonly mac: string }, b: { readonly mac: string }): number {
  return a.mac < b.mac ? -1 : 1;
}

function seconds(ms: number): number {
  return Math.max(0, Math.round(ms)) / 1_000;
}
