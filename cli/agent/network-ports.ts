/** Keeps the ports of a running network in step with its config. */
import { isDeepStrictEqual } from 'node:util';
import type { PoolPorts } from '../../dataplane/worker/pool-ports.ts';
import type { PortConfig } from '../config/types.ts';
import { portOptions } from './port-plan.ts';

export class NetworkPorts {
  /** By name: those of the config that are open. */
  readonly #open = new Map<string, PortConfig>();

  /**
   * Removes the ports that are `wanted` otherwise, or not: what they were opened with may be another
   * port's or network's then.
   *
   * @throws {Error} with a stable `code`; ports that came before are removed then.
   */
  async drop(own: PoolPorts, wanted: readonly PortConfig[]): Promise<void> {
    const next = new Map(wanted.map((port) => [port.name, port]));
    for (const [name, port] of [...this.#open]) {
      if (isDeepStrictEqual(next.get(name), port)) continue;
      await own.removePort(name);
      this.#open.delete(name);
    }
  }

  /**
   * Opens and closes ports until they are `wanted`; what was added by hand stays.
   *
   * @param mtuBytes Of the network.
   * @throws {Error} with a stable `code`; what comes before what failed is in force then.
   */
  async apply(own: PoolPorts, wanted: readonly PortConfig[], mtuBytes: number): Promise<void> {
    await this.drop(own, wanted);
    for (const port of wanted) {
      if (this.#open.has(port.name)) continue;
      await own.addPort(portOptions(port, mtuBytes));
      this.#open.set(port.name, port);
    }
  }
}
