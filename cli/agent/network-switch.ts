/** Keeps the switch of a running network in step with its config: bound stations, neighbours. */
import { ANYWHERE } from '../../dataplane/worker/messages.ts';
import type { PoolSwitch } from '../../dataplane/worker/pool-switch.ts';
import { CliError, Exit } from '../cli-error.ts';
import type { NeighbourConfig, NetworkConfig, StationConfig } from '../config/types.ts';
import type { PeerEntry } from './peer-table.ts';

/** What of a config is in force. */
interface Applied {
  readonly stations: readonly StationConfig[];
  readonly neighbours: readonly NeighbourConfig[];
}

export class NetworkSwitch {
  #applied: Applied = { stations: [], neighbours: [] };

  /**
   * Makes the switch what the config says; what was added to it by hand stays.
   *
   * @param own   Has its ports already.
   * @param peers Members of the network, which the switch knows already.
   * @throws {Error} with a stable `code`; what comes before what failed is in force then.
   */
  async apply(own: PoolSwitch, config: NetworkConfig, peers: readonly PeerEntry[]): Promise<void> {
    const { stations = [] } = config.switch ?? {};
    await applyStations(own, this.#applied.stations, stations, peers);
    await applyNeighbours(own, this.#applied.neighbours, config.neighbours, peers);
    this.#applied = { stations, neighbours: config.neighbours };
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
