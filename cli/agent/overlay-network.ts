/** One network of a running agent: what it has on the host, kept in step with its config. */
import type { PeerSpec } from '../../dataplane/contract.ts';
import type { WorkerPool } from '../../dataplane/worker/pool.ts';
import { FRAME_HEADER_LEN, type NetworkOptions } from '../../dataplane/worker/pool-network.ts';
import { CliError, Exit } from '../cli-error.ts';
import type { InterfaceConfig, NetworkConfig } from '../config/types.ts';
import { HostInterface } from '../host/interface.ts';
import { AnnouncedRoutes } from './announced-routes.ts';
import type { Endpoints } from './endpoints.ts';
import { carriesIpv6, interfacePlan, type ReachablePeer } from './interface-plan.ts';
import { NetworkPorts } from './network-ports.ts';
import { NetworkSwitch } from './network-switch.ts';
import { commonRoutes, peerSpec, routePairs } from './peer-specs.ts';
import type { PeerEntry, PeerTable } from './peer-table.ts';
import { RoutePolicy } from './route-policy.ts';
import type { MeasuredMtu, NetworkNeeds } from './underlay.ts';

const UNMEASURED: MeasuredMtu = { mtuBytes: 1_280, fragment: false, reason: '', byPeer: new Map() };

export class OverlayNetwork {
  readonly vni: number;
  mtu = UNMEASURED;
  /** What peers announce; their specs and the interface have what is taken. */
  readonly announced: AnnouncedRoutes;
  #config: NetworkConfig;
  readonly #host: HostInterface | null;
  readonly #ports = new NetworkPorts();
  readonly #switch = new NetworkSwitch();

  constructor(config: NetworkConfig) {
    this.vni = config.vni;
    this.#config = config;
    this.announced = new AnnouncedRoutes(new RoutePolicy(config, config.announce));
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
      if (changed === undefined) return spec;
      return { ...spec, routes: commonRoutes(spec.routes, this.#routes({ ...entry, config: changed })) };
    });
  }

  spec(entry: PeerEntry, endpoints: Endpoints): PeerSpec {
    const spec = peerSpec(entry, endpoints.get(entry.slot), this.mtu, this.headerLen);
    // A switch asks no routes: those of the config are for the host's kernel.
    return { ...spec, routes: this.#config.mode === 'l2' ? [] : this.#routes(entry) };
  }

  #routes({ slot, config }: PeerEntry): PeerSpec['routes'] {
    return routePairs([...config.allowedIps, ...this.announced.accepted(slot)], config.localIps);
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

  /** Gives the interface its addresses and routes. @returns As `HostInterface.apply()`. @throws {IpError} */
  async applyToHost(
    own: InterfaceConfig,
    dataPorts: readonly number[],
    reachable: readonly ReachablePeer[],
  ): Promise<string[]> {
    const plan = interfacePlan(own, this.#config, this.mtu.mtuBytes, dataPorts, reachable);
    const announced = this.#config.routes ? this.announced.all() : [];
    return (await this.#host?.apply({ ...plan, announced })) ?? [];
  }

  /** What the operator should change on this host, one line each. */
  warnings(): string[] {
    return this.#host?.warnings() ?? [];
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
