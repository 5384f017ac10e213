/** The relay of a network as the main thread holds it, to tell it again to a thread that takes another's place. */
import { isDeepStrictEqual } from 'node:util';
import type { RelayReading, RelaySpec, WorkerCommand } from './messages.ts';
import type { PortHost } from './pool-ports.ts';
import { unlessGone } from './queue-thread.ts';
import type { RelaySession } from './relay-listing.ts';

/** What a relay is to be; its port's number is the pool's to give. */
export type RelaySettings = Omit<RelaySpec, 'port'>;

const NO_PORT = 0;

export class PoolRelay {
  readonly #vni: number;
  readonly #host: PortHost;
  readonly #isSwitched: boolean;
  #spec: RelaySpec | null = null;

  constructor(vni: number, host: PortHost, isSwitched: boolean) {
    this.#vni = vni;
    this.#host = host;
    this.#isSwitched = isSwitched;
  }

  /** The switch's number for its port; 0 where it has none. */
  get port(): number {
    return this.#spec?.port ?? NO_PORT;
  }

  /** What makes it on its queue. */
  commands(): WorkerCommand[] {
    return this.#spec === null ? [] : [this.#command(this.#spec)];
  }

  /**
   * Makes or changes the relay, or removes it for null; the queue knows before it resolves.
   *
   * @throws {WorkerError} when the queue refuses, and has what it had before.
   */
  async set(settings: RelaySettings | null): Promise<void> {
    const before = this.#spec;
    const spec = settings === null ? null : { ...settings, port: before?.port ?? this.#takePort() };
    if (isDeepStrictEqual(spec, before)) return;
    // A thread that comes meanwhile is to have it.
    this.#spec = spec;
    try {
      await this.#host.ask(this.#command(spec)).catch(unlessGone);
    } catch (error) {
      if (this.#spec === spec) this.#spec = before;
      if (before === null) this.#giveBack(spec);
      throw error;
    }
    if (spec === null) this.#giveBack(before);
  }

  /** @returns null where there is none, and while the thread of its queue is gone. */
  async read(): Promise<RelayReading | null> {
    if (this.#spec === null) return null;
    return await this.#host.ask({ kind: 'readRelay', vni: this.#vni }).catch(unlessGone);
  }

  async sessions(): Promise<readonly RelaySession[]> {
    if (this.#spec === null) return [];
    return (await this.#host.ask({ kind: 'listRelay', vni: this.#vni }).catch(unlessGone)) ?? [];
  }

  /** The network is gone. */
  close(): void {
    this.#giveBack(this.#spec);
    this.#spec = null;
  }

  #command(relay: RelaySpec | null): WorkerCommand & { readonly kind: 'setRelay' } {
    return { kind: 'setRelay', vni: this.#vni, relay };
  }

  #takePort(): number {
    return this.#isSwitched ? this.#host.takeId() : NO_PORT;
  }

  #giveBack(spec: RelaySpec | null): void {
    if (spec !== null && spec.port !== NO_PORT) this.#host.giveBackId(spec.port);
  }
}
