/** The running overlay: both planes and all networks, kept in step with config and underlay. */
import { randomInt } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { ControlPlane } from '../../controlplane/control-plane.ts';
import type { Endpoint } from '../../dataplane/contract.ts';
import { WorkerPool } from '../../dataplane/worker/pool.ts';
import type { Config, NetworkConfig, PeerConfig } from '../config/types.ts';
import { removeStaleRules } from '../host/interface.ts';
import { watchUnderlay } from '../host/route-watch.ts';
import type { AgentService } from './agent-service.ts';
import { controlSettings } from './control-settings.ts';
import { Endpoints } from './endpoints.ts';
import { isOverlayAddress } from './overlay-address.ts';
import { OverlayHost } from './overlay-host.ts';
import { interfaceLost, OverlayNetwork } from './overlay-network.ts';
import { OverlayRelays } from './overlay-relays.ts';
import { OverlayRoutes } from './overlay-routes.ts';
import { PeerObserver } from './peer-observer.ts';
import { controlPeer } from './peer-specs.ts';
import { PeerTable } from './peer-table.ts';
import { Refresher } from './refresher.ts';
import { hostResolver } from './resolve-host.ts';
import { Underlay } from './underlay.ts';
import type { UndoStack } from './undo-stack.ts';

const SEED_LIMIT = 2 ** 32;

export class Overlay {
  readonly peers: PeerTable;
  readonly observer: PeerObserver;
  readonly #service: AgentService;
  readonly #endpoints: Endpoints;
  readonly #underlay: Underlay;
  readonly #networks = new Map<number, OverlayNetwork>();
  readonly #host: OverlayHost;
  readonly #relays: OverlayRelays;
  readonly #resolve: (host: string) => Promise<string[]>;
  #pool: WorkerPool | null = null;
  #control: ControlPlane | null = null;
  readonly #routes: OverlayRoutes;
  readonly #refresher: Refresher;

  private constructor(service: AgentService) {
    const { interface: own, networks } = service.config;
    this.#service = service;
    this.peers = new PeerTable(networks);
    this.observer = new PeerObserver(service.log);
    this.#resolve = hostResolver(own.listen);
    this.#endpoints = new Endpoints(this.#resolve, service.log);
    this.#underlay = new Underlay(own.listenPort);
    for (const network of networks) this.#networks.set(network.vni, new OverlayNetwork(network));
    this.#relays = new OverlayRelays({ overlay: this, own, log: service.log });
    this.#host = new OverlayHost({
      networks: () => this.networks(),
      peers: this.peers,
      underlay: this.#underlay,
      log: service.log,
    });
    this.#refresher = new Refresher(
      { measure: () => this.#remeasure(), routes: () => this.#applyToHost() },
      ({ message: reason }) => service.log.error({ reason }, 'cannot follow a change of the underlay'),
    );
    this.#routes = new OverlayRoutes({
      network: (vni) => this.#networks.get(vni),
      peers: this.peers,
      pool: () => this.pool,
      control: () => this.#control,
      log: service.log,
      onChange: () => this.#refresher.soon('routes'),
    });
  }

  /** Makes interfaces, ports, threads and connections. @throws {Error} with a stable `code`. */
  static async open(service: AgentService, undo: UndoStack): Promise<Overlay> {
    const overlay = new Overlay(service);
    await overlay.#openDataPlane(undo);
    await overlay.#openControlPlane(undo);
    const watch = await watchUnderlay({
      ownDevices: () => overlay.#host.devices(),
      onChange: () => overlay.#hostMoved(),
      onNotice: (notice) => service.log.warn(notice),
    });
    undo.push('the watch on routes', () => watch.close());
    undo.push('the watch on addresses', overlay.#relays.watch());
    return overlay;
  }

  get pool(): WorkerPool {
    if (this.#pool === null) throw new TypeError('the data plane is not open yet');
    return this.#pool;
  }

  get control(): ControlPlane {
    if (this.#control === null) throw new TypeError('the control plane is not open yet');
    return this.#control;
  }

  /** What keeps packets from flowing, null when nothing does. */
  get fault(): string | null {
    return this.#pool?.fault ?? null;
  }

  /** In order of the config. */
  networks(): readonly OverlayNetwork[] {
    return [...this.#networks.values()];
  }

  network(vni: number): OverlayNetwork {
    const network = this.#networks.get(vni);
    if (network === undefined) throw new RangeError(`there is no network ${vni}`);
    return network;
  }

  /** Tells peers what is behind this host, besides what the config announces. @see OverlayRoutes.announce */
  announce(vni: number, prefixes: readonly string[]): void {
    this.#routes.announce(vni, prefixes);
  }

  /**
   * Makes `next` the config in force: peers that it does not change keep their SAs.
   *
   * @throws {Error} with a stable `code`; what comes before what failed is changed then.
   */
  async apply(next: Config): Promise<void> {
    const names = new Map(next.networks.map(({ vni, name }) => [vni, name]));
    for (const { vni, config } of this.networks()) {
      if (names.get(vni) !== config.name) await this.#removeNetwork(vni);
    }
    // A socket or interface that moves between networks leaves one before the other gets it.
    for (const config of next.networks) await this.#networks.get(config.vni)?.dropPorts(this.pool, config);
    for (const config of next.networks) {
      if (!this.#networks.has(config.vni)) await this.#addNetwork(config);
      await this.#applyNetwork(config);
    }
    await this.#refresher.now('measure');
  }

  async #applyNetwork(config: NetworkConfig): Promise<void> {
    const network = this.network(config.vni);
    this.#routes.hold(network, config);
    try {
      await this.#applyPeers(network, config);
    } finally {
      this.#routes.follow(network);
    }
    await network.applyPorts(this.pool, this.peers);
  }

  async #applyPeers(network: OverlayNetwork, config: NetworkConfig): Promise<void> {
    const kept = new Set(config.peers.map((peer) => this.peers.find(config.vni, peer.publicKey)?.slot));
    for (const { slot } of this.peers.of(config.vni)) if (!kept.has(slot)) await this.#removePeer(slot);
    // A route that moves between peers is taken from the one before the other gets it.
    await this.pool.setPeers(network.specs(this.peers, this.#endpoints, config));
    network.config = config;
    for (const peer of config.peers) await this.#setPeer(network, peer);
  }

  async #addNetwork(config: NetworkConfig): Promise<void> {
    const network = new OverlayNetwork(config);
    if (config.device) await removeStaleRules(config.name);
    await this.pool.addNetwork(network.poolOptions(randomInt(SEED_LIMIT)));
    this.#networks.set(config.vni, network);
  }

  async #removeNetwork(vni: number): Promise<void> {
    for (const { slot } of this.peers.of(vni)) await this.#removePeer(slot);
    for (const problem of this.network(vni).removeSync()) this.#service.log.warn(problem);
    await this.pool.removeNetwork(vni);
    this.#networks.delete(vni);
    this.#routes.forgetNetwork(vni);
  }

  async #openDataPlane(undo: UndoStack): Promise<void> {
    const { config, log } = this.#service;
    const { interface: own } = config;
    await Promise.all(this.peers.entries().map((entry) => this.#endpoints.refresh(entry)));
    for (const { slot } of this.peers.entries()) {
      this.#underlay.setEndpoint(slot, this.#endpoints.get(slot));
    }
    await this.#host.measure();
    for (const { name, device } of config.networks) if (device) await removeStaleRules(name);
    this.#pool = await WorkerPool.open(
      {
        ...this.#host.poolOptions(own),
        networks: this.networks().map((network) => network.poolOptions(randomInt(SEED_LIMIT))),
      },
      {
        onWorkerReplaced: (queue, reason) => this.#workerReplaced(queue, reason),
        onEndpoint: (slot, endpoint) => this.#endpointLearned(slot, endpoint),
        onPathTooSmall: () => this.#refresher.soon('measure'),
        onInterfaceLost: (vni) => this.#service.fail(interfaceLost(this.network(vni).config.name)),
        onPortLost: (vni, port) =>
          log.warn(
            { network: this.network(vni).config.name, port },
            'port is gone: somebody removed its interface',
          ),
      },
    );
    undo.push('the interfaces', () => this.pool.close());
    // Its first part tells the threads to end: the process would wait until they wake by themselves.
    process.once('exit', () => void this.pool.close());
    if (this.pool.warning !== null) log.warn(this.pool.warning);
    // Before there is anybody who could use them.
    await this.#relays.apply();
    await this.#setAllPeers();
    undo.push('addresses and routes', () => this.#host.removeSync());
    process.once('exit', () => this.#host.removeSync());
    await this.#applyToHost();
    for (const network of this.networks()) await network.applyPorts(this.pool, this.peers);
    await this.#relays.apply();
    this.#host.logStart(this.pool.aead);
  }

  async #openControlPlane(undo: UndoStack): Promise<void> {
    const { config, log, identity } = this.#service;
    const { interface: own } = config;
    this.#control = await ControlPlane.start({
      identity,
      peers: this.peers.entries().map(controlPeer),
      ...controlSettings(own),
      dataPlane: this.pool,
      resolveHost: (host) => this.#resolveForDial(host),
      isOverlayAddress: (address) =>
        this.networks().some(({ config }) => isOverlayAddress(config.addresses, address)),
      log,
      events: { ...this.observer.events, onRoutes: (...told) => this.#routes.received(...told) },
    });
    undo.push('control connections', () => this.control.close());
    for (const network of this.networks()) this.#routes.follow(network);
    log.info({ carrier: this.control.carrier, port: own.controlPort }, 'control plane is up');
  }

  async #setAllPeers(): Promise<void> {
    const specs = this.networks().flatMap((network) => network.specs(this.peers, this.#endpoints));
    await this.pool.setPeers(specs);
  }

  async #removePeer(slot: number): Promise<void> {
    await this.control.removePeer(slot);
    await this.pool.removePeer(slot);
    this.#routes.forget(slot);
    this.peers.removeSlot(slot);
    this.#endpoints.forget(slot);
    this.#underlay.setEndpoint(slot, null);
  }

  async #setPeer(network: OverlayNetwork, config: PeerConfig): Promise<void> {
    const before = this.peers.find(network.vni, config.publicKey);
    const entry = this.peers.add(network.vni, config);
    if (!isDeepStrictEqual(before?.config.endpoint, config.endpoint)) {
      await this.#endpoints.refresh(entry);
      this.#underlay.setEndpoint(entry.slot, this.#endpoints.get(entry.slot));
    }
    await this.pool.setPeers([network.spec(entry, this.#endpoints)]);
    if (before === undefined) this.control.addPeer(controlPeer(entry));
    else await this.control.changePeer(controlPeer(entry));
  }

  /** Dials resolve names anew, which is how a peer whose name moved is found. */
  async #resolveForDial(host: string): Promise<string[]> {
    const addresses = await this.#resolve(host);
    const moved = this.#endpoints.noteResolved(host, addresses, this.peers.entries());
    for (const { slot } of moved) this.#underlay.setEndpoint(slot, this.#endpoints.get(slot));
    if (moved.length > 0) this.#refresher.soon('measure');
    return addresses;
  }

  #endpointLearned(slot: number, endpoint: Endpoint): void {
    if (!this.#underlay.setEndpoint(slot, endpoint)) return;
    this.observer.endpointLearned(this.peers.nameOf(slot), endpoint);
    this.#control?.peerMoved(slot);
    this.#refresher.soon('measure');
  }

  /** Our address may be another: an authenticated frame teaches it to peers that only send to us. */
  #hostMoved(): void {
    for (const { slot } of this.peers.entries()) this.pool.sendKeepalive(slot);
    this.#control?.networkChanged();
    this.#refresher.soon('measure');
  }

  async #remeasure(): Promise<void> {
    await this.#host.measure();
    this.pool.setFragmentation(this.#host.fragments);
    await this.#setAllPeers();
    await this.#applyToHost();
    await this.#relays.apply();
    for (const { mtu } of this.networks()) {
      for (const [slot, mtuBytes] of mtu.byPeer) this.#control?.sendPath(slot, mtuBytes);
    }
  }

  #applyToHost(): Promise<void> {
    return this.#host.apply(this.#service.config.interface, this.pool.sourcePorts);
  }

  /** Counters and windows died with the thread: every peer's SAs are agreed anew. */
  #workerReplaced(queue: number, reason: string): void {
    this.#service.log.error({ queue, reason }, 'a queue died and was replaced; rekeying all peers');
    this.#control?.rekey([], 'reconnect').catch(() => {});
    // What its predecessor did not live to answer is told again.
    this.#refresher.soon('measure');
  }
}
