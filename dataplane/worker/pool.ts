/**
 * The data plane as the main thread holds it: sockets, TUN device and one thread a queue.
 *
 * Owns every descriptor, so that a thread that died is replaced without the interface or the
 * port going away. Implements what the control plane may ask for.
 */
import { randomFillSync } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { DataPlane, Endpoint, LanePlan, PeerProgress, PeerSpec, SaSpec } from '../contract.ts';
import { closeFd, openEventFd } from '../io/eventfd.ts';
import { SystemCallError } from '../io/libc.ts';
import { CounterBlock } from '../path/counters.ts';
import { openTun, type TunDevice, type TunOffloads } from '../port/tun.ts';
import { steerByFlow } from '../port/tun-steering.ts';
import { formatEndpoint } from '../wire/endpoint.ts';
import type { WorkerCommand, WorkerSetup } from './messages.ts';
import { nowMs } from './now.ts';
import { QueueSockets } from './queue-sockets.ts';
import { QueueThreads } from './queue-threads.ts';

const SPI_COUNTER_MASK = 0x3fffffff;

export interface PoolOptions {
  readonly interfaceName: string;
  readonly vni: number;
  readonly listen: string;
  readonly listenPort: number;
  readonly controlPort: number;
  readonly queues: number;
  /** Peers the counters have room for; slots run from 1 to this number. */
  readonly maxPeers: number;
  /** Whether outer packets larger than the path may be fragmented. */
  readonly fragment: boolean;
}

export interface PoolEvents {
  /** A thread died and was replaced; all SAs of its lanes are gone and must be negotiated anew. */
  onWorkerReplaced(queue: number, reason: string): void;
  onEndpoint(slot: number, endpoint: Endpoint): void;
  onPathTooSmall(slot: number): void;
  /** Somebody removed the interface: nothing gets through any more. Told once. */
  onInterfaceLost(): void;
}

export class WorkerPool implements DataPlane {
  readonly lanes: number;
  readonly interfaceName: string;
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
  /** Super-packets that the interface gives and takes. */
  readonly offloads: TunOffloads;
  readonly #tun: TunDevice;
  readonly #wakeFds: number[] = [];
  readonly #sockets: QueueSockets;
  readonly #threads: QueueThreads;
  readonly #events: PoolEvents;
  readonly #peers = new Map<number, PeerSpec>();
  /** By slot: where authenticated packets last came from, while that counts. */
  readonly #learned = new Map<number, Uint32Array>();
  #steeringFault: string | null = null;
  #lost = false;
  #closed = false;

  private constructor(options: PoolOptions, events: PoolEvents) {
    this.lanes = options.queues;
    this.#events = events;
    this.#tun = openTun(options.interfaceName, options.queues);
    this.interfaceName = this.#tun.name;
    this.offloads = this.#tun.offloads;
    let sockets: QueueSockets | null = null;
    try {
      this.#steer();
      sockets = new QueueSockets(options);
      this.#sockets = sockets;
      const setups = this.#makeSetups(options);
      this.counters = setups.map((setup) => new CounterBlock(setup.counters, setup.peerSlots));
      this.#threads = this.#startThreads(setups);
    } catch (error) {
      sockets?.close();
      for (const fd of [...this.#wakeFds, ...this.#tun.fds]) closeFd(fd);
      throw error;
    }
    this.sourcePorts = this.#sockets.sourcePorts;
    this.gro = this.#sockets.gro;
  }

  /**
   * Creates the interface and sockets and starts the threads.
   *
   * @throws {SystemCallError | WorkerError} with nothing left behind.
   */
  static async open(options: PoolOptions, events: PoolEvents): Promise<WorkerPool> {
    const pool = new WorkerPool(options, events);
    try {
      const { aead, offloadCode, warning } = await pool.#threads.ready();
      pool.aead = aead;
      pool.offloadCode = offloadCode;
      pool.warning = [warning, pool.#steeringFault].filter((text) => text !== null).join('; ') || null;
    } catch (error) {
      await pool.close();
      throw error;
    }
    return pool;
  }

  /** Whether every flow keeps to one queue; with one queue it does. */
  get isSteering(): boolean {
    return this.#steeringFault === null;
  }

  /** Where that is not allowed flows may change lanes, which costs order, not packets. */
  #steer(): void {
    const [fd] = this.#tun.fds;
    if (fd === undefined || this.lanes === 1) return;
    try {
      steerByFlow(fd);
    } catch (error) {
      if (!(error instanceof SystemCallError)) throw error;
      this.#steeringFault = error.message;
    }
  }

  #makeSetups(options: PoolOptions): WorkerSetup[] {
    const flowHashKey = randomFillSync(new Uint8Array(16));
    const peerSlots = options.maxPeers + 1;
    const { receivers, senders } = this.#sockets;
    return receivers.map((socket, queue) => {
      const wakeFd = openEventFd();
      this.#wakeFds.push(wakeFd);
      return {
        queue,
        tunFd: this.#tun.fds[queue] ?? -1,
        udpFd: socket.fd,
        sendFd: senders[queue]?.fd ?? socket.fd,
        socketFamily: socket.family,
        offloads: this.#tun.offloads,
        wakeFd,
        vni: options.vni,
        controlPort: options.controlPort,
        counters: CounterBlock.allocate(peerSlots),
        peerSlots,
        flowHashKey,
      };
    });
  }

  #startThreads(setups: readonly WorkerSetup[]): QueueThreads {
    const events = {
      onEndpoint: (queue: number, slot: number, words: Uint32Array) =>
        this.#endpointLearned(queue, slot, words),
      onPathTooSmall: (slot: number) => this.#events.onPathTooSmall(slot),
      onInterfaceLost: () => this.#interfaceLost(),
      onReplaced: (queue: number, reason: string) => this.#events.onWorkerReplaced(queue, reason),
    };
    return new QueueThreads(setups, events, () => this.#knowledge());
  }

  #interfaceLost(): void {
    if (!this.#lost && !this.#closed) this.#events.onInterfaceLost();
    this.#lost = true;
  }

  /** A dead thread's counters and windows are lost, so its SAs are not in it: never repeat a nonce. */
  #knowledge(): WorkerCommand[] {
    const endpoints = [...this.#learned].map(([slot, words]) => ({
      kind: 'learnEndpoint' as const,
      slot,
      words,
    }));
    return [{ kind: 'setPeers', peers: [...this.#peers.values()] }, ...endpoints];
  }

  #endpointLearned(from: number, slot: number, words: Uint32Array): void {
    if (!this.#peers.has(slot)) return;
    this.#learned.set(slot, words);
    this.#threads.tell({ kind: 'learnEndpoint', slot, words }, from);
    this.#events.onEndpoint(slot, formatEndpoint(words));
  }

  /** What keeps packets from flowing, null when nothing does. */
  get fault(): string | null {
    return this.#lost ? `somebody removed the interface ${this.interfaceName}` : this.#threads.fault;
  }

  /** Adds peers, or changes those whose slot is known; on every queue before it resolves. */
  async setPeers(peers: readonly PeerSpec[]): Promise<void> {
    // Each queue guards the AEAD by itself, so the limit is split between them.
    const shares = peers.map((peer) => ({
      ...peer,
      rxRateLimitPps: Math.ceil(peer.rxRateLimitPps / this.lanes),
    }));
    await this.#threads.all({ kind: 'setPeers', peers: shares });
    for (const peer of shares) {
      const before = this.#peers.get(peer.slot);
      // As the engines do: another configured endpoint is where the peer is.
      if (peer.validateSource || !isDeepStrictEqual(before?.endpoint, peer.endpoint)) {
        this.#learned.delete(peer.slot);
      }
      this.#peers.set(peer.slot, peer);
    }
  }

  async removePeer(slot: number): Promise<void> {
    this.#peers.delete(slot);
    this.#learned.delete(slot);
    await this.#threads.living({ kind: 'removePeer', slot });
  }

  /** Every queue serves the one network. */
  lanesOf(_vni: number): LanePlan {
    return { lanes: this.lanes, queues: this.lanes, queue: null };
  }

  async installRx(sas: readonly SaSpec[]): Promise<void> {
    await this.#install('installRx', sas, (sa) => (sa.spi & SPI_COUNTER_MASK) % this.lanes);
  }

  async installTx(sas: readonly SaSpec[]): Promise<void> {
    await this.#install('installTx', sas, (sa) => sa.lane % this.lanes);
  }

  /** Moves each SA to the thread that owns it; key bytes move along instead of being copied. */
  async #install(
    kind: 'installRx' | 'installTx',
    sas: readonly SaSpec[],
    owner: (sa: SaSpec) => number,
  ): Promise<void> {
    const queues = Array.from({ length: this.lanes }, (_, queue) => queue);
    const moved = sas.map((sa) => ({ ...sa, key: takeKey(sa.key) }));
    await Promise.all(
      queues.map(async (queue) => {
        const own = moved.filter((sa) => owner(sa) === queue);
        const keys = own.map((sa) => sa.key.buffer);
        if (own.length > 0) await this.#threads.one(queue, { kind, sas: own }, keys);
      }),
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
    const words = answers.find((answer) => answer?.endpointWords)?.endpointWords ?? null;
    const totals = CounterBlock.sum(this.counters, slot);
    return {
      endpoint: words === null ? null : formatEndpoint(words),
      ...totals,
      lastRxAtMs: unixTime(totals.lastRxAtMs),
      txSas: answers.flatMap((answer) => [...(answer?.tx ?? [])]),
      rxSas: answers.flatMap((answer) => [...(answer?.rx ?? [])]),
    };
  }

  /** Ends the threads and closes every descriptor; the interface is gone when it resolves. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#threads.stop();
    this.#sockets.close();
    for (const fd of [...this.#wakeFds, ...this.#tun.fds]) closeFd(fd);
  }
}

/** The queues' clock does not follow when somebody sets the host's. */
function unixTime(queueMs: number): number {
  return queueMs === 0 ? 0 : queueMs + Date.now() - nowMs();
}

/** The key in a buffer of its own, ready to move to another thread; the original is overwritten. */
function takeKey(key: Uint8Array): Uint8Array<ArrayBuffer> {
  const moved = new Uint8Array(key.length);
  moved.set(key);
  key.fill(0);
  return moved;
}
