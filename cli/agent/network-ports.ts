/** Keeps the ports of a running network in step with its config. */
import { isDeepStrictEqual } from 'node:util';
import type { PoolPorts } from '../../dataplane/worker/pool-ports.ts';
import type { PortConfig } from '../config/types.ts';
import { portOptions } from './port-plan.ts';

export class NetworkPorts {
  /** By name: those of the config that are open. */
  readonly #open = new Map<string, PortConfig>();

  /**
   * Opens and closes ports until they are `wanted`; what was added by hand stays. One that changed is
   * opened anew, once all that go are gone: another may get its address or path.
   *
   * @throws {Error} with a stable `code`; what comes before what failed is in force then.
   */
  async apply(own: PoolPorts, wanted: readonly PortConfig[]): Promise<void> {
    const next = new Map(wanted.map((port) => [port.name, port]));
    for (const [name, port] of [...this.#open]) {
      if (isDeepStrictEqual(next.get(name), port)) continue;
      await own.removePort(name);
      this.#open.delete(name);
    }
    for (const [name, port] of next) {
      if (this.#open.has(name)) continue;
      await own.addPort(portOptions(port));
      this.#open.set(name, port);
    }
  }
}
