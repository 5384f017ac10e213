/**
 * The running network: both planes and the interface, kept in step with config and underlay.
 */
import { isDeepStrictEqual } from 'node:util';
import { ControlPlane } from '../../controlplane/control-plane.ts';
import { openTransport } from '../../controlplane/transport/select.ts';
import { type Endpoint, type PeerSpec, Suite } from '../../dataplane/contract.ts';
import { WorkerPool } from '../../dataplane/worker/pool.ts';
import { CliError, Exit } from '../cli-error.ts';
import type { Config } from '../config/types.ts';
import { HostInterface, removeStaleRules } from '../host/interface.ts';
import { watchRoutes } from '../host/route-watch.ts';
import type { AgentService } from './agent-service.ts';
import { Endpoints } from './endpoints.ts';
import { carriesIpv6, interfacePlan } from './interface-plan.ts';
import { isOverlayAddress } from './overlay-address.ts';
import { PeerObserver } from './peer-observer.ts';
import { commonRoutes, controlPeer, peerSpec, routesOf } from './peer-specs.ts';
import { PeerTable } from './peer-table.ts';
import { queueCount } from './queue-count.ts';
import { hostResolver } from './resolve-host.ts';
import { type MeasuredMtu, Underlay } from './underlay.ts';
import type { UndoStack } from './undo-stack.ts';

const UNMEASURED: MeasuredMtu = { mtuBytes: 1_392, fragment: false, reason: '', byPeer: new Map() };

export class Network {
  readonly peers: PeerTable;
  readonly observer: PeerObserver;
  readonly #service: AgentService;
  readonly #endpoints: Endpoints;
  readonly #underlay: Underlay;
  readonly #host: HostInterface;
  readonly #resolve: (host: string) => Promise<string[]>;
  #pool: WorkerPool | null = null;
  #control: ControlPlane | null = null;
  #mtu = UNMEASURED;
  /** Refreshes of the interface, one at a time. */
  #refreshing: Promise<void> = Promise.resolve();
  /** Whether a refresh waits that will see every change until it starts. */
  #refreshWaits = false;

  private constructor(service: AgentService) {
    const { interface: own, peers } = service.config;
    this.#service = service;
    this.peers = new PeerTable(peers);
    this.observer = new PeerObserver(service.log);
    this.#resolve = hostResolver(own.listen);
    this.#endpoints = new Endpoints(this.#resolve, service.log);
    this.#host = new HostInterface(own.name);
    this.#underlay = new Underlay({
      interfaceName: own.name,
      dataPort: own.listenPort,
    });
  }

  /** Makes interface, ports, threads and connections. @throws {Error} with a stable `code`. */
  static async open(service: AgentService, undo: UndoStack): Promise<Network> {
    const network = new Network(service);
    await network.#openDataPlane(undo);
    await network.#openControlPlane(undo);
    const watch = watchRoutes({
      ownDevice: service.config.interface.name,
      onChange: () => network.#hostMoved(),
      onNotice: (notice) => service.log.warn(notice),
    });
    undo.push('the watch on routes', () => watch.close());
    return network;
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

  get mtu(): MeasuredMtu {
    return this.#mtu;
  }

  /**
   * Makes `next` the config in force: peers that it does not change keep their SAs.
   *
   * @throws {Error} with a stable `code`; peers before the one that failed are changed then.
   */
  async apply(next: Config): Promise<void> {
    const kept = new Set(next.peers.map((peer) => this.peers.findKey(peer.publicKey)?.slot));
    for (const { slot } of this.peers.entries()) if (!kept.has(slot)) await this.#removePeer(slot);
    // A route that moves between peers is taken from the one before the other gets it.
    await this.pool.setPeers(this.#specs(next));
    for (const config of next.peers) await this.#setPeer(config);
    await this.#refresh(next);
  }

  async #openDataPlane(undo: UndoStack): Promise<void> {
    const { config, log } = this.#service;
    const { interface: own } = config;
    await Promise.all(this.peers.entries().map((entry) => this.#endpoints.refresh(entry)));
    for (const { slot } of this.peers.entries()) {
      this.#underlay.setEndpoint(slot, this.#endpoints.get(slot));
    }
    this.#mtu = await this.#underlay.measure(own.mtu, carriesIpv6(config));
    await removeStaleRules(own.name);
    this.#pool = await WorkerPool.open(
      {
        interfaceName: own.name,
        vni: own.vni,
        listen: own.listen,
        listenPort: own.listenPort,
        controlPort: own.controlPort,
        queues: queueCount(own.queues),
        maxPeers: this.peers.capacity,
        fragment: this.#mtu.fragment,
      },
      {
        onWorkerReplaced: (queue, reason) => this.#workerReplaced(queue, reason),
        onEndpoint: (slot, endpoint) => this.#endpointLearned(slot, endpoint),
        onPathTooSmall: () => this.#remeasureSoon(),
        onInterfaceLost: () => this.#service.fail(interfaceLost(own.name)),
      },
    );
    undo.push(`the interface ${own.name}`, () => this.pool.close());
    // Its first part tells the threads to end: the process would wait until they wake by themselves.
    process.once('exit', () => void this.pool.close());
    if (this.pool.warning !== null) log.warn(this.pool.warning);
    await this.pool.setPeers(this.#specs());
    undo.push('addresses and routes', () => this.#removeFromHost());
    process.once('exit', () => this.#host.removeSync());
    await this.#applyToHost(config);
    for (const warning of this.#host.warnings()) log.warn(warning);
    log.info({ mtu: this.#mtu.mtuBytes, reason: this.#mtu.reason, aead: this.pool.aead }, 'interface is up');
  }

  async #openControlPlane(undo: UndoStack): Promise<void> {
    const { config, log, identity } = this.#service;
    const { interface: own } = config;
    this.#control = await ControlPlane.start({
      identity,
      peers: this.peers.entries().map((entry) => controlPeer(entry, own.vni)),
      suite: own.suite === 'aes-256-gcm' ? Suite.aes256Gcm : Suite.aes128Gcm,
      rekeyIntervalMs: own.rekeyIntervalMs,
      listen: own.listen,
      controlPort: own.controlPort,
      dataPlane: this.pool,
      openTransport: (options) => openTransport(own.controlTransport, options),
      resolveHost: (host) => this.#resolveForDial(host),
      isOverlayAddress: (address) => isOverlayAddress(this.#service.config.interface.addresses, address),
      log,
      events: this.observer.events,
    });
    undo.push('control connections', () => this.control.close());
    log.info({ carrier: this.control.carrier, port: own.controlPort }, 'control plane is up');
  }

  /** @param next Config whose peers keep only the routes that they have in both. */
  #specs(next?: Config): PeerSpec[] {
    const { vni } = this.#service.config.interface;
    return this.peers.entries().map((entry) => {
      const spec = peerSpec(entry, vni, this.#endpoints.get(entry.slot), this.#mtu);
      const changed = next?.peers.find((peer) => sameKey(peer.publicKey, entry.config.publicKey));
      return changed === undefined ? spec : { ...spec, routes: commonRoutes(spec.routes, routesOf(changed)) };
    });
  }

  async #removePeer(slot: number): Promise<void> {
    await this.control.removePeer(slot);
    await this.pool.removePeer(slot);
    this.peers.removeSlot(slot);
    this.#endpoints.forget(slot);
    this.#underlay.setEndpoint(slot, null);
  }

  async #setPeer(config: Config['peers'][number]): Promise<void> {
    const before = this.peers.findKey(config.publicKey);
    const entry = this.peers.add(config);
    if (!isDeepStrictEqual(before?.config.endpoint, config.endpoint)) {
      await this.#endpoints.refresh(entry);
      this.#underlay.setEndpoint(entry.slot, this.#endpoints.get(entry.slot));
    }
    const { vni } = this.#service.config.interface;
    await this.pool.setPeers([peerSpec(entry, vni, this.#endpoints.get(entry.slot), this.#mtu)]);
    if (before === undefined) this.control.addPeer(controlPeer(entry, vni));
    else await this.control.changePeer(controlPeer(entry, vni));
  }

  /** Dials resolve names anew, which is how a peer whose name moved is found. */
  async #resolveForDial(host: string): Promise<string[]> {
    const addresses = await this.#resolve(host);
    const moved = this.#endpoints.noteResolved(host, addresses, this.peers.entries());
    for (const { slot } of moved) this.#underlay.setEndpoint(slot, this.#endpoints.get(slot));
    if (moved.length > 0) this.#remeasureSoon();
    return addresses;
  }

  #endpointLearned(slot: number, endpoint: Endpoint): void {
    if (!this.#underlay.setEndpoint(slot, endpoint)) return;
    this.observer.endpointLearned(this.peers.nameOf(slot), endpoint);
    this.#control?.peerMoved(slot);
    this.#remeasureSoon();
  }

  /** Our address may be another: an authenticated frame teaches it to peers that only send to us. */
  #hostMoved(): void {
    for (const { slot } of this.peers.entries()) this.pool.sendKeepalive(slot);
    this.#control?.networkChanged();
    this.#remeasureSoon();
  }

  #remeasureSoon(): void {
    if (this.#refreshWaits) return;
    this.#refreshWaits = true;
    this.#refresh().catch((error: Error) => {
      this.#service.log.error({ reason: error.message }, 'cannot follow a change of the underlay');
    });
  }

  /** @param config What a reload brings; left out, the config in force when its turn comes. */
  #refresh(config?: Config): Promise<void> {
    const next = this.#refreshing.then(() => {
      if (config === undefined) this.#refreshWaits = false;
      return this.#remeasure(config ?? this.#service.config);
    });
    this.#refreshing = next.catch(() => {});
    return next;
  }

  async #remeasure(config: Config): Promise<void> {
    const before = this.#mtu;
    this.#mtu = await this.#underlay.measure(config.interface.mtu, carriesIpv6(config));
    if (before.mtuBytes !== this.#mtu.mtuBytes) {
      this.#service.log.info({ mtu: this.#mtu.mtuBytes, reason: this.#mtu.reason }, 'MTU changed');
    }
    this.pool.setFragmentation(this.#mtu.fragment);
    await this.pool.setPeers(this.#specs());
    await this.#applyToHost(config);
    for (const [slot, mtuBytes] of this.#mtu.byPeer) this.#control?.sendPath(slot, mtuBytes);
  }

  async #applyToHost(config: Config): Promise<void> {
    const reachable = this.peers.entries().flatMap(({ slot, config: { controlPort } }) => {
      const endpoint = this.#underlay.endpoint(slot);
      return endpoint === null ? [] : [{ address: endpoint.address, controlPort }];
    });
    await this.#host.apply(interfacePlan(config, this.#mtu.mtuBytes, this.pool.sourcePorts, reachable));
  }

  /** Counters and windows died with the thread: every peer's SAs are agreed anew. */
  #workerReplaced(queue: number, reason: string): void {
    this.#service.log.error({ queue, reason }, 'a queue died and was replaced; rekeying all peers');
    this.#control?.rekey([], 'reconnect').catch(() => {});
  }

  #removeFromHost(): void {
    for (const problem of this.#host.removeSync()) this.#service.log.warn(problem);
  }
}

function interfaceLost(name: string): CliError {
  const hint = 'start the agent again, and let it remove the interface itself: icx down';
  return new CliError(`somebody removed the interface ${name}`, hint, Exit.failed, 'ERR_ICX_INTERFACE_LOST');
}

function sameKey(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
