/** Keeps the switch of a running network in step with its config: ports, bound stations, neighbours. */
import { isDeepStrictEqual } from 'node:util';
import { ANYWHERE } from '../../dataplane/worker/messages.ts';
import type { PoolSwitch } from '../../dataplane/worker/pool-switch.ts';
import { CliError, Exit } from '../cli-error.ts';
import type { NeighbourConfig, NetworkConfig, PortConfig, StationConfig } from '../config/types.ts';
import type { PeerEntry } from './peer-table.ts';
import { portOptions } from './port-plan.ts';

/** What of a config is in force. */
interface Applied {
  readonly ports: ReadonlyMap<string, PortConfig>;
  readonly stations: readonly StationConfig[];
  readonly neighbours: readonly NeighbourConfig[];
}

const NOTHING: Applied = { ports: new Map(), stations: [], neighbours: [] };

export class NetworkSwitch {
  #applied = NOTHING;

  /**
   * Removes the ports that the config has otherwise, or has not: what they were opened with may be
   * another network's then.
   *
   * @throws {Error} with a stable `code`; ports that came before are removed then.
   */
  async dropPorts(own: PoolSwitch, config: NetworkConfig): Promise<void> {
    const next = new Map(config.ports.map((port) => [port.name, port]));
    const ports = new Map(this.#applied.ports);
    for (const [name, port] of this.#applied.ports) {
      if (isDeepStrictEqual(next.get(name), port)) continue;
      await own.removePort(name);
      ports.delete(name);
      this.#applied = { ...this.#applied, ports };
    }
  }

  /**
   * Makes the switch what the config says; what was added to it by hand stays.
   *
   * @param peers    Members of the network, which the switch knows already.
   * @param mtuBytes Of the network.
   * @throws {Error} with a stable `code`; what comes before what failed is in force then.
   */
  async apply(
    own: PoolSwitch,
    config: NetworkConfig,
    peers: readonly PeerEntry[],
    mtuBytes: number,
  ): Promise<void> {
    await this.dropPorts(own, config);
    const before = this.#applied;
    const ports = new Map(before.ports);
    for (const port of config.ports) {
      if (ports.has(port.name)) continue;
      await own.addPort(portOptions(port, mtuBytes));
      ports.set(port.name, port);
      this.#applied = { ...this.#applied, ports };
    }
    await applyStations(own, before.stations, config.switch?.stations ?? [], peers);
    await applyNeighbours(own, before.neighbours, config.neighbours, peers);
    this.#applied = { ports, stations: config.switch?.stations ?? [], neighbours: config.neighbours };
  }
}

/** All of `next` are set, since those behind a port or peer that came anew went with the old one. */
async function applyStations(
  own: PoolSwitch,
  before: readonly StationConfig[],
  next: readonly StationConfig[],
  peers: readonly PeerEntry[],
): Promise<void> {
  const kept = new Set(next.map(({ mac }) => mac));
  for (const { mac } of before) if (!kept.has(mac)) await own.removeStation(mac);
  for (const { mac, port, peer } of next) await own.addStation(mac, portId(own, peers, port, peer));
}

async function applyNeighbours(
  own: PoolSwitch,
  before: readonly NeighbourConfig[],
  next: readonly NeighbourConfig[],
  peers: readonly PeerEntry[],
): Promise<void> {
  const kept = new Set(next.map(({ ip }) => ip));
  for (const { ip } of before) if (!kept.has(ip)) await own.removeNeighbour(ip);
  for (const { ip, mac, peer } of next) {
    const port = peer === null ? ANYWHERE : portId(own, peers, null, peer);
    await own.setNeighbour(ip, mac, port);
  }
}

/**
 * The switch's number for a port or a peer.
 *
 * @param port Name of a port, else null.
 * @param peer Name of a peer, where `port` is null.
 * @throws {CliError} when there is none of that name.
 */
export function portId(
  own: PoolSwitch,
  peers: readonly PeerEntry[],
  port: string | null,
  peer: string | null,
): number {
  const id = port === null ? peers.find(({ config }) => config.name === peer)?.slot : own.portId(port);
  if (id !== undefined) return id;
  const names = port === null ? peers.map(({ config }) => config.name) : own.ports().map(({ name }) => name);
  throw new CliError(
    port === null ? `no peer ${peer} in the network` : `no port ${port} in the network`,
    names.length === 0 ? 'there is none' : `here are ${names.join(', ')}`,
    Exit.failed,
    'ERR_ICX_NO_PORT',
  );
}
