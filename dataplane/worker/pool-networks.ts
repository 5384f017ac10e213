/** All networks of a pool, by VNI. */
import type { LanePlan } from '../contract.ts';
import type { TunOffloads } from '../port/tun.ts';
import type { WorkerCommand } from './messages.ts';
import { type NetworkOptions, PoolNetwork } from './pool-network.ts';
import type { PortHost } from './pool-ports.ts';
import { VxlanSockets } from './vxlan-sockets.ts';

/** Numbers of ports end here. */
const MAX_PORT_ID = 65_535;

export class PoolNetworks {
  readonly #queues: number;
  readonly #byVni = new Map<number, PoolNetwork>();
  readonly #ports: PortHost;
  #nextId: number;
  readonly #freeIds: number[] = [];

  /**
   * @param queues   How many the pool has.
   * @param firstLocal Numbers of local ports begin here; those below are peers' slots.
   * @param ask      Asks the queue of the networks that have ports.
   */
  constructor(queues: number, firstLocal: number, ask: PortHost['ask']) {
    this.#queues = queues;
    this.#nextId = firstLocal;
    this.#ports = {
      vxlan: new VxlanSockets(),
      takeId: () => this.#takeId(),
      giveBackId: (id) => void this.#freeIds.push(id),
      ask,
    };
  }

  #takeId(): number {
    const id = this.#freeIds.pop() ?? this.#nextId++;
    if (id > MAX_PORT_ID) throw new RangeError('Cannot add another port: there are as many as can be');
    return id;
  }

  /** Makes a network's interface. @throws {RangeError} for a VNI that is there. @throws {SystemCallError} */
  open(options: NetworkOptions): PoolNetwork {
    if (this.#byVni.has(options.vni)) throw new RangeError(`Cannot add network ${options.vni}: it exists`);
    const network = new PoolNetwork(options, this.#queues, this.#ports);
    this.#byVni.set(network.vni, network);
    return network;
  }

  get(vni: number): PoolNetwork | undefined {
    return this.#byVni.get(vni);
  }

  /** It is the caller's to close. */
  take(vni: number): PoolNetwork | undefined {
    const network = this.#byVni.get(vni);
    this.#byVni.delete(vni);
    return network;
  }

  /** Super-packets that all interfaces give and take: they are of one kernel. */
  get offloads(): TunOffloads {
    const all = [...this.#byVni.values()].flatMap(({ device }) => (device === null ? [] : [device.offloads]));
    return {
      tcp: all.length > 0 && all.every(({ tcp }) => tcp),
      udp: all.length > 0 && all.every(({ udp }) => udp),
    };
  }

  /** Which interface somebody removed; null when none is. */
  get fault(): string | null {
    const lost = [...this.#byVni.values()].find(({ isLost }) => isLost);
    return lost === undefined ? null : `somebody removed the interface ${lost.device?.name}`;
  }

  /** What makes all networks on a queue. */
  commands(queue: number): WorkerCommand[] {
    return [...this.#byVni.values()].flatMap((network) => network.commands(queue));
  }

  /** What makes known to a queue what the operator fixed, once all ports and peers are. */
  stationCommands(queue: number): WorkerCommand[] {
    const served = [...this.#byVni.values()].filter((network) => network.isServedBy(queue));
    return served.flatMap((network) => network.switch?.stationCommands() ?? []);
  }

  isServedBy(vni: number, queue: number): boolean {
    return this.#byVni.get(vni)?.isServedBy(queue) ?? true;
  }

  /** How a network's SAs are spread over queues. */
  lanesOf(vni: number): LanePlan {
    const queue = this.#byVni.get(vni)?.queue ?? null;
    return { lanes: queue === null ? this.#queues : 1, queues: this.#queues, queue };
  }

  close(): void {
    for (const network of this.#byVni.values()) network.close();
    this.#byVni.clear();
  }
}
