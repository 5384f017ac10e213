/** All networks of a pool, by VNI. */
import type { TunOffloads } from '../port/tun.ts';
import type { WorkerCommand } from './messages.ts';
import { type NetworkOptions, PoolNetwork } from './pool-network.ts';

export class PoolNetworks {
  readonly #queues: number;
  readonly #byVni = new Map<number, PoolNetwork>();

  /** @param queues How many the pool has. */
  constructor(queues: number) {
    this.#queues = queues;
  }

  /** Makes a network's interface. @throws {RangeError} for a VNI that is there. @throws {SystemCallError} */
  open(options: NetworkOptions): PoolNetwork {
    if (this.#byVni.has(options.vni)) throw new RangeError(`Cannot add network ${options.vni}: it exists`);
    const network = new PoolNetwork(options, this.#queues);
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
    const all = [...this.#byVni.values()].map(({ device }) => device.offloads);
    return {
      tcp: all.length > 0 && all.every(({ tcp }) => tcp),
      udp: all.length > 0 && all.every(({ udp }) => udp),
    };
  }

  /** Which interface somebody removed; null when none is. */
  get fault(): string | null {
    const lost = [...this.#byVni.values()].find(({ isLost }) => isLost);
    return lost === undefined ? null : `somebody removed the interface ${lost.device.name}`;
  }

  /** What makes all networks on a queue. */
  commands(queue: number): WorkerCommand[] {
    return [...this.#byVni.values()].flatMap((network) => network.commands(queue));
  }

  close(): void {
    for (const network of this.#byVni.values()) network.close();
    this.#byVni.clear();
  }
}
