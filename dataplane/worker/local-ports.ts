/** The local ports of a switch, by the number that the switch has for them. */
import type { LocalPort } from './local-port.ts';

/** Owned by the worker of its network. */
export class LocalPorts {
  /** Numbers of local ports begin here; those below are peers' slots. */
  readonly first: number;
  /** By number, less `first`. */
  readonly #ports: (LocalPort | undefined)[] = [];

  constructor(first: number) {
    this.first = first;
  }

  set(port: LocalPort): void {
    this.#ports[port.id - this.first] = port;
  }

  remove(id: number): void {
    if (id >= this.first) this.#ports[id - this.first] = undefined;
  }

  /** undefined for a peer's number too. */
  get(id: number): LocalPort | undefined {
    return id < this.first ? undefined : this.#ports[id - this.first];
  }

  all(): LocalPort[] {
    return this.#ports.filter((port) => port !== undefined);
  }
}
