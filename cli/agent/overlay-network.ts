/** One network of a running agent: what it has on the host, kept in step with its config. */
import type { PeerSpec } from '../../dataplane/contract.ts';
import type { WorkerPool } from '../../dataplane/worker/pool.ts';
import { FRAME_HEADER_LEN, type NetworkOptions } from '../../dataplane/worker/pool-network.ts';
import { CliError, Exit } from '../cli-error.ts';
import type { InterfaceConfig, NetworkConfig } from '../config/types.ts';
import { HostInterface } from '../host/interface.ts';
import type { Logger } from '../logger.ts';
import type { Endpoints } from './endpoints.ts';
import { carriesIpv6, interfacePlan, type ReachablePeer } from './interface-plan.ts';
import { NetworkPorts } from './network-ports.ts';
import { NetworkSwitch } from './network-switch.ts';
import { commonRoutes, peerSpec, routesOf } from './peer-specs.ts';
import type { PeerEntry, PeerTable } from './peer-table.ts';
import type { MeasuredMtu, NetworkNeeds } from './underlay.ts';

const UNMEASURED: MeasuredMtu = { mtuBytes: 1_280, fragment: false, reason: '', byPeer: new Map() };

export class OverlayNetwork {
  readonly vni: number;
  mtu = UNMEASURED;
  #config: NetworkConfig;
  readonly #host: HostInterface | null;
  readonly #ports = new NetworkPorts();
  readonly #switch = new NetworkSwitch();

  constructor(config: NetworkConfig) {
    this.vni = config.vni;
    this.#config = config;
    this.#host = config.device ? new HostInterface(config.name) : null;
  }

  /** The one in force. */
  get config(): NetworkConfig {
    return this.#config;
  }

  set config(next: NetworkConfig) {
    this.#config = next;
  }

  get headerLen(): number {
    return this.#config.mode === 'l2' ? FRAME_HEADER_LEN : 0;
  }

  /** @param seed 32 random bits. */
  poolOptions(seed: number): NetworkOptions {
    const { name, device, mode, ports, relay, switch: own } = this.#config;
    return {
      vni: this.vni,
      interfaceName: device ? name : null,
      guests: mode === 'l3' && (ports.length > 0 || relay !== null),
      switch: mode === 'l2' && own !== null ? { ...own, seed } : null,
    };
  }

  needs(peers: readonly PeerEntry[]): NetworkNeeds {
    return {
      vni: this.vni,
      mtu: this.#config.mtu,
      hasIpv6: carriesIpv6(this.#config),
      headerLen: this.headerLen,
      slots: peers.map(({ slot }) => slot),
    };
  }

  /** @param next Config whose peers keep only the routes that they have in both. */
  specs(peers: PeerTable, endpoints: Endpoints, next?: NetworkConfig): PeerSpec[] {
    return peers.of(this.vni).map((entry) => {
      const spec = this.spec(entry, endpoints);
      const changed = next?.peers.find((peer) => sameKey(peer.publicKey, entry.config.publicKey));
      return changed === undefined ? spec : { ...spec, routes: commonRoutes(spec.routes, routesOf(changed)) };
    });
  }

  spec(entry: PeerEntry, endpoints: Endpoints): PeerSpec {
    const spec = peerSpec(entry, endpoints.get(entry.slot), this.mtu, this.headerLen);
    // A switch asks no routes: those of the config are for the host's kernel.
    return this.#config.mode === 'l2' ? { ...spec, routes: [] } : spec;
  }

  /** Removes the ports that `next` has otherwise, or has not. @throws {Error} with a stable `code`. */
  async dropPorts(pool: WorkerPool, next: NetworkConfig): Promise<void> {
    const own = pool.network(this.vni)?.ports ?? null;
    if (own !== null) await this.#ports.drop(own, next.ports);
  }

  /** Makes the network's ports what the config says. @throws {Error} with a stable `code`. */
  async applyPorts(pool: WorkerPool, peers: PeerTable): Promise<void> {
    const own = pool.network(this.vni);
    if (own?.ports) await this.#ports.apply(own.ports, this.#config.ports, this.mtu.mtuBytes);
    if (own?.switch) await this.#switch.apply(own.switch, this.#config, peers.of(this.vni));
  }

  /** Gives the interface its addresses and routes. @throws {IpError} */
  async applyToHost(
    own: InterfaceConfig,
    dataPorts: readonly number[],
    reachable: readonly ReachablePeer[],
  ): Promise<void> {
    await this.#host?.apply(interfacePlan(own, this.#config, this.mtu.mtuBytes, dataPorts, reachable));
  }

  /** Tells that it is up, and what the operator should change on this host. */
  logStart(log: Logger, aead: string): void {
    for (const warning of this.#host?.warnings() ?? []) log.warn(warning);
    const { mtuBytes: mtu, reason } = this.mtu;
    const { name: network, mode, device } = this.#config;
    const what = device ? 'interface is up' : 'network is up';
    log.info({ network, vni: this.vni, mode, mtu, reason, aead }, what);
  }

  /** Takes back what is on the host. @returns What could not be, one line each. */
  removeSync(): string[] {
    return this.#host?.removeSync() ?? [];
  }
}

function sameKey(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

/** What ends an agent whose interface somebody removed. */
export function interfaceLost(name: string): CliError {
  const hint = 'start the agent again, and let it remove the interface itself: icx down';
  return new CliError(`somebody removed the interface ${name}`, hint, Exit.failed, 'ERR_ICX_INTERFACE_LOST');
}
