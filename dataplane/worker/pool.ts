/**
 * The data plane as the main thread holds it: sockets, TUN device and one thread a queue.
 *
 * Owns every descriptor, so that a thread that died is replaced without the interface or the
 * port going away. Implements what the control plane may ask for.
 */
import { randomFillSync } from 'node:crypto';
import type { DataPlane, Endpoint, PeerProgress, PeerSpec, SaProgress, SaSpec } from '../contract.ts';
import { closeFd, openEventFd } from '../io/eventfd.ts';
import { CounterBlock } from '../path/counters.ts';
import { openTun, type TunDevice, type TunOffloads } from '../port/tun.ts';
import { openUdpSocket, setFragmentation, steerBySpi, type UdpSocket } from '../port/udp-socket.ts';
import { formatEndpoint } from '../wire/endpoint.ts';
import type { WorkerCommand, WorkerProgress, WorkerSetup } from './messages.ts';
import { QueueThread } from './queue-thread.ts';

const STOP_MS = 1_000;
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
}

export class WorkerPool implements DataPlane {
  readonly lanes: number;
  readonly interfaceName: string;
  /** One block of counters per worker. */
  readonly counters: readonly CounterBlock[];
  aead = '';
  /** What segmenter and coalescer are made in. */
  offloadCode = '';
  warning: string | null = null;
  /** Whether received datagrams come merged. */
  readonly gro: boolean;
  /** Super-packets that the interface gives and takes. */
  readonly offloads: TunOffloads;
  readonly #tun: TunDevice;
  readonly #sockets: readonly UdpSocket[];
  readonly #sendSockets: readonly UdpSocket[];
  readonly #setups: readonly WorkerSetup[];
  readonly #threads: QueueThread[] = [];
  readonly #events: PoolEvents;
  readonly #peers = new Map<number, PeerSpec>();
  #closed = false;

  private constructor(options: PoolOptions, events: PoolEvents) {
    this.lanes = options.queues;
    this.#events = events;
    this.#tun = openTun(options.interfaceName, options.queues);
    this.interfaceName = this.#tun.name;
    this.offloads = this.#tun.offloads;
    const opened: UdpSocket[] = [];
    try {
      this.#sockets = this.#openGroup(options, opened);
      this.#sendSockets = this.#openSenders(options, opened);
      this.#setups = this.#makeSetups(options);
    } catch (error) {
      for (const fd of [...opened.map((socket) => socket.fd), ...this.#tun.fds]) closeFd(fd);
      throw error;
    }
    this.gro = this.#sockets.every((socket) => socket.gro);
    this.counters = this.#setups.map((setup) => new CounterBlock(setup.counters, setup.peerSlots));
  }

  /**
   * Creates the interface and sockets and starts the threads.
   *
   * @throws {SystemCallError | WorkerError} with nothing left behind.
   */
  static async open(options: PoolOptions, events: PoolEvents): Promise<WorkerPool> {
    const pool = new WorkerPool(options, events);
    try {
      for (const setup of pool.#setups) pool.#threads.push(pool.#startThread(setup));
      for (const thread of pool.#threads) {
        const { aead, offloadCode, warning } = await thread.ready;
        pool.aead = aead;
        pool.offloadCode = offloadCode;
        pool.warning = warning;
      }
    } catch (error) {
      await pool.close();
      throw error;
    }
    return pool;
  }

  #openGroup(options: PoolOptions, opened: UdpSocket[]): UdpSocket[] {
    const { listen, listenPort: port, queues, fragment } = options;
    for (let queue = 0; queue < queues; queue++) {
      opened.push(openUdpSocket({ listen, port, reusePort: queues > 1, fragment }));
    }
    const group = [...opened];
    if (queues > 1 && group[0] !== undefined) steerBySpi(group[0].fd, queues);
    return group;
  }

  /** Every lane has a source port of its own; the first uses the agent's port, so that NATs map it. */
  #openSenders(options: PoolOptions, opened: UdpSocket[]): UdpSocket[] {
    return this.#sockets.map((socket, queue) => {
      if (queue === 0) return socket;
      const sender = openUdpSocket({
        listen: options.listen,
        port: 0,
        reusePort: false,
        fragment: options.fragment,
      });
      opened.push(sender);
      return sender;
    });
  }

  #makeSetups(options: PoolOptions): WorkerSetup[] {
    const flowHashKey = randomFillSync(new Uint8Array(16));
    const peerSlots = options.maxPeers + 1;
    return this.#sockets.map((socket, queue) => ({
      queue,
      tunFd: this.#tun.fds[queue] ?? -1,
      udpFd: socket.fd,
      sendFd: this.#sendSockets[queue]?.fd ?? socket.fd,
      socketFamily: socket.family,
      offloads: this.#tun.offloads,
      wakeFd: openEventFd(),
      vni: options.vni,
      controlPort: options.controlPort,
      counters: CounterBlock.allocate(peerSlots),
      peerSlots,
      flowHashKey,
    }));
  }

  #startThread(setup: WorkerSetup): QueueThread {
    return new QueueThread(setup, {
      onEndpoint: (queue, slot, words) => this.#endpointLearned(queue, slot, words),
      onPathTooSmall: (slot) => this.#events.onPathTooSmall(slot),
      onDeath: (queue, reason) => void this.#replace(queue, reason),
    });
  }

  /** A dead thread's counters and windows are lost, so its SAs are not put back: never repeat a nonce. */
  async #replace(queue: number, reason: string): Promise<void> {
    const setup = this.#setups[queue];
    if (this.#closed || setup === undefined) return;
    const thread = this.#startThread(setup);
    this.#threads[queue] = thread;
    await thread.ready;
    await thread.request({ kind: 'setPeers', peers: [...this.#peers.values()] });
    this.#events.onWorkerReplaced(queue, reason);
  }

  #endpointLearned(from: number, slot: number, words: Uint32Array): void {
    for (const thread of this.#threads) {
      if (thread.setup.queue !== from) this.#tell(thread, { kind: 'learnEndpoint', slot, words });
    }
    this.#events.onEndpoint(slot, formatEndpoint(words));
  }

  /** For what needs no answer: a thread that is gone has nothing to be told. */
  #tell(thread: QueueThread, command: WorkerCommand): void {
    thread.request(command).catch(() => {});
  }

  #all(command: WorkerCommand): Promise<(WorkerProgress | null)[]> {
    return Promise.all(this.#threads.map((thread) => thread.request(command)));
  }

  /** Adds peers, or changes those whose slot is known; on every queue before it resolves. */
  async setPeers(peers: readonly PeerSpec[]): Promise<void> {
    await this.#all({ kind: 'setPeers', peers });
    for (const peer of peers) this.#peers.set(peer.slot, peer);
  }

  async removePeer(slot: number): Promise<void> {
    this.#peers.delete(slot);
    await this.#all({ kind: 'removePeer', slot });
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
    await Promise.all(
      this.#threads.map(async (thread, queue) => {
        const own = sas.filter((sa) => owner(sa) === queue).map((sa) => ({ ...sa, key: takeKey(sa.key) }));
        if (own.length > 0)
          await thread.request(
            { kind, sas: own },
            own.map((sa) => sa.key.buffer),
          );
      }),
    );
  }

  async retireRx(spis: readonly number[], graceMs: number): Promise<void> {
    await this.#all({ kind: 'retireRx', spis, graceMs });
  }

  async removeRx(spis: readonly number[]): Promise<void> {
    await this.#all({ kind: 'removeRx', spis });
  }

  async removeTx(slot: number): Promise<void> {
    await this.#all({ kind: 'removeTx', slot });
  }

  /** Lets outer packets larger than the path be fragmented, or refuses them. */
  setFragmentation(fragment: boolean): void {
    for (const { fd, family } of [...this.#sockets, ...this.#sendSockets])
      setFragmentation(fd, family, fragment);
  }

  sendKeepalive(slot: number): void {
    for (const thread of this.#threads) this.#tell(thread, { kind: 'sendKeepalive', slot });
  }

  async progress(slot: number): Promise<PeerProgress> {
    const answers = await this.#all({ kind: 'progress', slot });
    const words = answers.find((answer) => answer?.endpointWords)?.endpointWords ?? null;
    const totals = CounterBlock.sum(this.counters, slot);
    return {
      endpoint: words === null ? null : formatEndpoint(words),
      ...totals,
      txSas: answers.flatMap((answer): SaProgress[] => (answer?.tx ? [answer.tx] : [])),
      rxSas: answers.flatMap((answer) => [...(answer?.rx ?? [])]),
    };
  }

  /** Ends the threads and closes every descriptor; the interface is gone when it resolves. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await Promise.all(this.#threads.map((thread) => thread.stop(STOP_MS)));
    const wakeFds = this.#setups.map((setup) => setup.wakeFd);
    const sockets = new Set([...this.#sockets, ...this.#sendSockets].map((socket) => socket.fd));
    for (const fd of [...wakeFds, ...sockets, ...this.#tun.fds]) closeFd(fd);
  }
}

/** The key in a buffer of its own, ready to move to another thread; the original is overwritten. */
function takeKey(key: Uint8Array): Uint8Array<ArrayBuffer> {
  const moved = new Uint8Array(key.length);
  moved.set(key);
  key.fill(0);
  return moved;
}
