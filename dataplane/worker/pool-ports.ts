/** The ports of a network that one queue serves, as the main thread holds them: by name, opened and closed here. */
import type { AnswerTo, LocalPortSpec, PortSpec, WorkerCommand } from './messages.ts';
import { type OpenPort, openPort, type PortOptions } from './port-options.ts';
import { unlessGone } from './queue-thread.ts';
import type { VxlanSockets } from './vxlan-sockets.ts';

/** What networks with ports share. */
export interface PortHost {
  readonly vxlan: VxlanSockets;
  /** Gives the next number that no port has. */
  takeId(): number;
  giveBackId(id: number): void;
  /** Asks the queue that serves the network. */
  ask<C extends WorkerCommand>(command: C): Promise<AnswerTo<C['kind']>>;
}

/** A port as `PoolPorts.ports` shows it. */
export interface PoolPort {
  readonly id: number;
  readonly name: string;
  /** null for the network's own interface. */
  readonly options: PortOptions | null;
}

interface Held extends OpenPort {
  readonly options: PortOptions | null;
}

export class PoolPorts {
  protected readonly vni: number;
  protected readonly host: PortHost;
  readonly #ports = new Map<string, Held>();
  /** Names of ports that are being added. */
  readonly #adding = new Set<string>();

  constructor(vni: number, host: PortHost) {
    this.vni = vni;
    this.host = host;
  }

  ports(): PoolPort[] {
    return [...this.#ports.values()].map(({ name, spec, options }) => ({ id: spec.id, name, options }));
  }

  /** Number of a port, undefined where none has the name. */
  portId(name: string): number | undefined {
    return this.#ports.get(name)?.spec.id;
  }

  /** What makes its ports on its queue. */
  portCommands(): WorkerCommand[] {
    const commandOf = (port: PortSpec): WorkerCommand => ({ kind: 'addPort', vni: this.vni, port });
    return [...this.#ports.values()].map(({ spec }) => commandOf(spec));
  }

  /**
   * Opens a port and adds it.
   *
   * @throws {Error} with a stable `code`: the name is taken, or it can't be opened. Nothing changed then.
   */
  async addPort(options: PortOptions): Promise<void> {
    const { name } = options;
    if (this.#ports.has(name) || this.#adding.has(name))
      throw new RangeError(`Cannot add port ${name}: there is one of that name`);
    this.#adding.add(name);
    try {
      this.#ports.set(name, { ...(await this.#open(options)), options });
    } finally {
      this.#adding.delete(name);
    }
  }

  /** @returns A port that its queue has. @throws as `addPort`. */
  async #open(options: PortOptions): Promise<OpenPort> {
    const id = this.host.takeId();
    let port: OpenPort | null = null;
    try {
      port = openPort(options, id, this.host.vxlan);
      await this.host.ask({ kind: 'addPort', vni: this.vni, port: port.spec });
      return port;
    } catch (error) {
      port?.close();
      this.host.giveBackId(id);
      throw error;
    }
  }

  /** Removes a port with all that is known behind it. @returns Whether it was there. */
  async removePort(name: string): Promise<boolean> {
    const port = this.#ports.get(name);
    if (port === undefined || port.options === null) return false;
    const { id } = port.spec;
    this.#ports.delete(name);
    this.forgetBehind(id);
    // A thread in the place of one that is gone will not hear of the port.
    await this.host.ask({ kind: 'removePort', vni: this.vni, id }).catch(unlessGone);
    this.host.giveBackId(id);
    port.close();
    return true;
  }

  /** Closes all ports. No queue may use them any more. */
  close(): void {
    for (const { spec, close } of this.#ports.values()) {
      close();
      this.host.giveBackId(spec.id);
    }
    this.#ports.clear();
  }

  /** Holds a port that was opened elsewhere, and is closed there. */
  protected hold(name: string, spec: LocalPortSpec): void {
    this.#ports.set(name, { name, spec, options: null, close: () => {} });
  }

  /** A port goes: what was fixed to be behind it is so no more. */
  protected forgetBehind(_id: number): void {}
}
