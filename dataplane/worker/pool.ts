/**
 * The data plane as the main thread holds it: sockets, networks and one thread a queue.
 *
 * Owns every descriptor, so that a thread that died is replaced without interfaces or the
 * port going away. Implements what the control plane may ask for.
 */
import { randomFillSync } from 'node:crypto';
import type { DataPlane, LanePlan, PeerProgress, PeerSpec, RouteSpec, SaSpec } from '../contract.ts';
import { closeFd, openEventFd } from '../io/eventfd.ts';
import { CounterBlock } from '../path/counters.ts';
import type { TunOffloads } from '../port/tun.ts';
import { formatEndpoint } from '../wire/endpoint.ts';
import { KnownPeers } from './known-peers.ts';
import type { WorkerCommand, WorkerSetup } from './messages.ts';
import { peerProgress } from './peer-progress.ts';
import type { PoolEvents } from './pool-events.ts';
import { type NetworkOptions, PORT_QUEUE, type PoolNetwork } from './pool-network.ts';
import { PoolNetworks } from './pool-networks.ts';
import { QueueSockets } from './queue-sockets.ts';
import { QueueThreads } from './queue-threads.ts';
import { sharesOf } from './sa-shares.ts';

/** Number of a TUN interface, which is no port of a network's. */
const TUN_PORT = 0;
const SPI_COUNTER_MASK = 0x3fffffff;

export interface PoolOptions {
  /** Those to begin with. */
  readonly networks: readonly NetworkOptions[];
  readonly listen: string;
  readonly listenPort: number;
  readonly controlPort: number;
  readonly queues: number;
  /** Peers the counters have room for; slots run from 1 to this number. */
  readonly maxPeers: number;
  /** Whether outer packets larger than the path may be fragmented. */
  readonly fragment: boolean;
}

export class WorkerPool implements DataPlane {
  readonly lanes: number;
  /** One block of counters per worker. */
  readonly counters: readonly CounterBlock[];
  /** UDP ports that frames leave from, one a queue. */
  readonly sourcePorts: readonly number[];
  aead = '';
  /** What segmenter and coalescer are made in. */
  offloadCode = '';
  warning: string | null = null;
  /** Whether received datagrams come merged. */
  readonly gro: boolean;
  /** Super-packets that interfaces give and take. */
  readonly offloads: TunOffloads;
  readonly #wakeFds: number[] = [];
  readonly #sockets: QueueSockets;
  readonly #threads: QueueThreads;
  readonly #events: PoolEvents;
  readonly #peers = new KnownPeers();
  readonly #networks: PoolNetworks;
  #closed = false;

  private constructor(options: PoolOptions, events: PoolEvents) {
    this.lanes = options.queues;
    this.#events = events;
    this.#networks = new PoolNetworks(options.queues, options.maxPeers + 1, (command) =>
      this.#threads.one(PORT_QUEUE, command),
    );
    let sockets: QueueSockets | null = null;
    try {
      for (const network of options.networks) this.#networks.open(network);
      this.offloads = this.#networks.offloads;
      sockets = new QueueSockets(options);
      this.#sockets = sockets;
      const setups = this.#makeSetups(options);
      this.counters = setups.map((setup) => new CounterBlock(setup.counters, setup.peerSlots));
      this.#threads = this.#startThreads(setups);
    } catch (error) {
      sockets?.close();
      this.#closeRest();
      throw error;
    }
    this.sourcePorts = this.#sockets.sourcePorts;
    this.gro = this.#sockets.gro;
  }

  /**
   * Makes networks and sockets, starts the threads. @throws {SystemCallError | WorkerError} with nothing left.
   */
  static async open(options: PoolOptions, events: PoolEvents): Promise<WorkerPool> {
    const pool = new WorkerPool(options, events);
    try {
      const { aead, offloadCode, warning } = await pool.#threads.ready();
      pool.aead = aead;
      pool.offloadCode = offloadCode;
      pool.warning = warning;
      await pool.#threads.each((queue) => pool.#networks.commands(queue));
    } catch (error) {
      await pool.close();
      throw error;
    }
    return pool;
  }

  /**
   * Makes a network; on its queues before it resolves. @throws {SystemCallError | WorkerError} with nothing left.
   */
  async addNetwork(options: NetworkOptions): Promise<PoolNetwork> {
    const network = this.#networks.open(options);
    try {
      await this.#threads.each((queue) => network.commands(queue));
    } catch (error) {
      await this.removeNetwork(network.vni);
      throw error;
    }
    return network;
  }

  /** Removes a network with interface, peers and SAs; an unknown one is fine. */
  async removeNetwork(vni: number): Promise<void> {
    const network = this.#networks.take(vni);
    if (network === undefined) return;
    this.#peers.forgetNetwork(vni);
    await this.#threads.living({ kind: 'removeNetwork', vni });
    network.close();
  }

  /** A network that was added. */
  network(vni: number): PoolNetwork | undefined {
    return this.#networks.get(vni);
  }

  #makeSetups(options: PoolOptions): WorkerSetup[] {
    const flowHashKey = randomFillSync(new Uint8Array(16));
    const peerSlots = options.maxPeers + 1;
    const { receivers, senders } = this.#sockets;
    const kinds = options.networks.map((network) => network.switch !== null);
    return receivers.map((socket, queue) => {
      const wakeFd = openEventFd();
      this.#wakeFds.push(wakeFd);
      return {
        queue,
        udpFd: socket.fd,
        sendFd: senders[queue]?.fd ?? socket.fd,
        socketFamily: socket.family,
        offloads: this.offloads,
        wakeFd,
        controlPort: options.controlPort,
        counters: CounterBlock.allocate(peerSlots),
        peerSlots,
        flowHashKey,
        carries: { packets: kinds.includes(false), frames: queue === PORT_QUEUE && kinds.includes(true) },
      };
    });
  }

  #startThreads(setups: readonly WorkerSetup[]): QueueThreads {
    const events = {
      onEndpoint: (queue: number, slot: number, words: Uint32Array) =>
        this.#endpointLearned(queue, slot, words),
      onPathTooSmall: (slot: number) => this.#events.onPathTooSmall(slot),
      onPortLost: (vni: number, id: number) => this.#portLost(vni, id),
      onReplaced: (queue: number, reason: string) => this.#events.onWorkerReplaced(queue, reason),
    };
    return new QueueThreads(setups, events, (queue) => this.#knowledge(queue));
  }

  #portLost(vni: number, id: number): void {
    const network = this.#networks.get(vni);
    if (network === undefined || this.#closed) return;
    const port = network.ports?.ports().find((each) => each.id === id);
    // Of a port that was removed meanwhile the news comes too late; a TUN interface is none.
    if (port === undefined && (network.switch !== null || id !== TUN_PORT)) return;
    if (port !== undefined && port.options !== null) this.#events.onPortLost(vni, port.name);
    else if (!network.isLost) {
      network.isLost = true;
      this.#events.onInterfaceLost(vni);
    }
  }

  /** A dead thread's counters and windows are lost, so its SAs are not in it: never repeat a nonce. */
  #knowledge(queue: number): WorkerCommand[] {
    return [
      ...this.#networks.commands(queue),
      ...this.#peers.commands((vni) => this.#networks.isServedBy(vni, queue)),
      ...this.#networks.stationCommands(queue),
    ];
  }

  #endpointLearned(from: number, slot: number, words: Uint32Array): void {
    if (this.#peers.vniOf(slot) === undefined) return;
    this.#peers.learn(slot, words);
    this.#threads.tell({ kind: 'learnEndpoint', slot, words }, from);
    this.#events.onEndpoint(slot, formatEndpoint(words));
  }

  /** What keeps packets from flowing, null when nothing does. */
  get fault(): string | null {
    return this.#networks.fault ?? this.#threads.fault;
  }

  /** Adds peers, or changes those whose slot is known; on every queue before it resolves. */
  async setPeers(peers: readonly PeerSpec[]): Promise<void> {
    // Each queue guards the AEAD by itself, so the limit is split between them.
    const shares = peers.map((peer) => ({
      ...peer,
      rxRateLimitPps: Math.ceil(peer.rxRateLimitPps / this.lanesOf(peer.vni).lanes),
    }));
    await this.#threads.each((queue) => {
      const own = shares.filter(({ vni }) => this.#networks.isServedBy(vni, queue));
      return own.length === 0 ? [] : [{ kind: 'setPeers', peers: own }];
    });
    this.#peers.set(shares);
  }

  /** How a network's SAs are spread over queues. */
  lanesOf(vni: number): LanePlan {
    return this.#networks.lanesOf(vni);
  }

  async removePeer(slot: number): Promise<void> {
    this.#networks.get(this.#peers.vniOf(slot) ?? 0)?.switch?.forgetPeer(slot);
    this.#peers.forget(slot);
    await this.#threads.living({ kind: 'removePeer', slot });
  }

  /** Adds routes to a peer's, on every queue. @throws {WorkerError} when another peer has one: none is added then. */
  async addRoutes(slot: number, routes: readonly RouteSpec[]): Promise<void> {
    await this.#threads.living({ kind: 'addRoutes', slot, routes }, this.#serving(slot));
    this.#peers.addRoutes(slot, routes);
  }

  /** Removes some of a peer's routes; those that it has not are fine. */
  async removeRoutes(slot: number, routes: readonly RouteSpec[]): Promise<void> {
    await this.#threads.living({ kind: 'removeRoutes', slot, routes }, this.#serving(slot));
    this.#peers.removeRoutes(slot, routes);
  }

  /** Picks the queues that know a peer. */
  #serving(slot: number): (queue: number) => boolean {
    return (queue) => this.#networks.isServedBy(this.#peers.vniOf(slot) ?? 0, queue);
  }

  async installRx(sas: readonly SaSpec[]): Promise<void> {
    await this.#install('installRx', sas, (sa) => (sa.spi & SPI_COUNTER_MASK) % this.lanes);
  }

  async installTx(sas: readonly SaSpec[]): Promise<void> {
    await this.#install('installTx', sas, (sa) => this.lanesOf(sa.vni).queue ?? sa.lane % this.lanes);
  }

  async #install(
    kind: 'installRx' | 'installTx',
    sas: readonly SaSpec[],
    owner: (sa: SaSpec) => number,
  ): Promise<void> {
    const shares = sharesOf(sas, this.lanes, owner);
    await Promise.all(
      shares.map(({ queue, own, keys }) => this.#threads.one(queue, { kind, sas: own }, keys)),
    );
  }

  async retireRx(spis: readonly number[], graceMs: number): Promise<void> {
    await this.#threads.living({ kind: 'retireRx', spis, graceMs });
  }

  async removeRx(spis: readonly number[]): Promise<void> {
    await this.#threads.living({ kind: 'removeRx', spis });
  }

  async removeTx(slot: number): Promise<void> {
    await this.#threads.living({ kind: 'removeTx', slot });
  }

  /** Lets outer packets larger than the path be fragmented, or refuses them. */
  setFragmentation(fragment: boolean): void {
    this.#sockets.setFragmentation(fragment);
  }

  sendKeepalive(slot: number): void {
    this.#threads.tell({ kind: 'sendKeepalive', slot });
  }

  async progress(slot: number): Promise<PeerProgress> {
    const answers = await this.#threads.living({ kind: 'progress', slot });
    return peerProgress(answers, CounterBlock.sum(this.counters, slot));
  }

  /** Ends the threads and closes every descriptor; all interfaces are gone when it resolves. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#threads.stop();
    this.#sockets.close();
    this.#closeRest();
  }

  #closeRest(): void {
    this.#networks.close();
    for (const fd of this.#wakeFds) closeFd(fd);
  }
}
