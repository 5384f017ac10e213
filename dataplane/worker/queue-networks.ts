/** The networks of one queue, with the ports that they have here: made and removed as the main thread says. */
import type { Engine } from '../path/engine.ts';
import type { NetworkSpec, PortSpec } from './messages.ts';
import type { QueueLoop } from './queue-loop.ts';
import { RoutedLink } from './routed-link.ts';

/** Owned by the queue's worker. */
export class QueueNetworks {
  readonly #engine: Engine;
  readonly #loop: QueueLoop;
  readonly #onInterfaceLost: (vni: number) => void;
  readonly #routed = new Map<number, RoutedLink>();

  constructor(engine: Engine, loop: QueueLoop, onInterfaceLost: (vni: number) => void) {
    this.#engine = engine;
    this.#loop = loop;
    this.#onInterfaceLost = onInterfaceLost;
  }

  /** @throws {RangeError} for a VNI that is none or exists. */
  add(network: NetworkSpec): void {
    this.#engine.addNetwork(network.vni);
  }

  /** Removes a network with peers, SAs and ports, whose descriptors stay open; an unknown one is fine. */
  remove(vni: number): void {
    const link = this.#routed.get(vni);
    if (link !== undefined) this.#loop.removeSource(link);
    this.#routed.delete(vni);
    this.#loop.removeLink(vni);
    this.#engine.removeNetwork(vni);
  }

  /** @throws {RangeError} when there are as many ports as can be. */
  addPort(vni: number, port: PortSpec): void {
    const link = new RoutedLink(vni, port.fd, this.#loop.parts, () => this.#onInterfaceLost(vni));
    this.#loop.addSource(link);
    this.#loop.addLink(link);
    this.#routed.set(vni, link);
  }
}
