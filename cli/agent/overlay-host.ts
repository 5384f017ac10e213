/** What the overlay's networks have on the host together: interfaces as the underlay allows, addresses, routes. */
import type { PoolOptions } from '../../dataplane/worker/pool.ts';
import type { InterfaceConfig } from '../config/types.ts';
import type { Logger } from '../logger.ts';
import type { OverlayNetwork } from './overlay-network.ts';
import type { PeerTable } from './peer-table.ts';
import { queueCount } from './queue-count.ts';
import type { Underlay } from './underlay.ts';

export interface OverlayHostOptions {
  /** Those in force, in order of the config. */
  readonly networks: () => readonly OverlayNetwork[];
  readonly peers: PeerTable;
  readonly underlay: Underlay;
  readonly log: Logger;
}

export class OverlayHost {
  readonly #options: OverlayHostOptions;
  #isMeasured = false;

  constructor(options: OverlayHostOptions) {
    this.#options = options;
  }

  /** Names of the networks' interfaces. */
  devices(): string[] {
    return this.#options.networks().flatMap(({ config }) => (config.device ? [config.name] : []));
  }

  /**
   * Whether sealed packets may be larger than the path. The sockets are of all networks: where only
   * some need it, the others' peers have a limit of their own.
   */
  get fragments(): boolean {
    return this.#options.networks().some(({ mtu }) => mtu.fragment);
  }

  /** Finds every network's MTU. @throws {IpError} when iproute2 is missing. */
  async measure(): Promise<void> {
    const { networks, peers, underlay, log } = this.#options;
    const needs = networks().map((network) => network.needs(peers.of(network.vni)));
    const measured = await underlay.measure(needs, this.devices());
    for (const network of networks()) {
      const mtu = measured.get(network.vni) ?? network.mtu;
      if (this.#isMeasured && mtu.mtuBytes !== network.mtu.mtuBytes) {
        log.info({ network: network.config.name, mtu: mtu.mtuBytes, reason: mtu.reason }, 'MTU changed');
      }
      network.mtu = mtu;
    }
    this.#isMeasured = true;
  }

  /** What the networks of a pool have in common. */
  poolOptions(own: InterfaceConfig): Omit<PoolOptions, 'networks'> {
    const { listen, listenPort, controlPort } = own;
    return {
      listen,
      listenPort,
      controlPort,
      queues: queueCount(own.queues),
      maxPeers: this.#options.peers.capacity,
      fragment: this.fragments,
    };
  }

  /** Gives every interface what it is to have. @param dataPorts UDP source ports of the data plane. @throws {IpError} */
  async apply(own: InterfaceConfig, dataPorts: readonly number[]): Promise<void> {
    const { networks, peers, underlay, log } = this.#options;
    const reachable = peers.entries().flatMap(({ slot, config: { controlPort } }) => {
      const endpoint = underlay.endpoint(slot);
      return endpoint === null ? [] : [{ address: endpoint.address, controlPort }];
    });
    for (const network of networks()) {
      for (const problem of await network.applyToHost(own, dataPorts, reachable)) log.warn(problem);
    }
  }

  /** @param aead Implementation that seals and opens. */
  logStart(aead: string): void {
    const { networks, log } = this.#options;
    for (const network of networks()) {
      for (const warning of network.warnings()) log.warn(warning);
      const { mtuBytes: mtu, reason } = network.mtu;
      const { name, mode, device } = network.config;
      const what = device ? 'interface is up' : 'network is up';
      log.info({ network: name, vni: network.vni, mode, mtu, reason, aead }, what);
    }
  }

  /** Takes back all of it before it returns: fit for exit handlers. */
  removeSync(): void {
    const { networks, log } = this.#options;
    for (const network of networks()) for (const problem of network.removeSync()) log.warn(problem);
  }
}
