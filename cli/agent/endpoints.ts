/** Resolves the configured endpoints, so that the data plane has addresses to send to. */
import type { Endpoint } from '../../dataplane/contract.ts';
import type { Logger } from '../logger.ts';
import type { PeerEntry } from './peer-table.ts';
import type { HostResolver } from './resolve-host.ts';

/** How long a start waits for DNS; the peer's next dial asks again. */
const RESOLVE_MS = 3_000;

export class Endpoints {
  readonly #resolve: HostResolver;
  readonly #log: Logger;
  readonly #bySlot = new Map<number, Endpoint>();

  constructor(resolve: HostResolver, log: Logger) {
    this.#resolve = resolve;
    this.#log = log;
  }

  /** Resolved endpoint of a peer's config; null where it names none or its name is not known. */
  get(slot: number): Endpoint | null {
    return this.#bySlot.get(slot) ?? null;
  }

  /** Resolves one peer's endpoint; a failure is logged, not thrown. */
  async refresh({ slot, config }: PeerEntry): Promise<void> {
    const { endpoint } = config;
    this.#bySlot.delete(slot);
    if (endpoint === null) return;
    try {
      const [address] = await withTimeout(this.#resolve(endpoint.host), endpoint.host);
      if (address !== undefined) this.#bySlot.set(slot, { address, port: endpoint.port });
    } catch (error) {
      this.#log.warn(
        { peer: config.name, reason: (error as Error).message },
        'no address for the endpoint yet',
      );
    }
  }

  forget(slot: number): void {
    this.#bySlot.delete(slot);
  }

  /**
   * Takes note of what a name resolved to for a dial.
   *
   * @returns Peers whose endpoint is another now.
   */
  noteResolved(host: string, addresses: readonly string[], peers: readonly PeerEntry[]): PeerEntry[] {
    const [address] = addresses;
    if (address === undefined) return [];
    const moved = peers.filter(({ slot, config }) => {
      const known = this.#bySlot.get(slot)?.address;
      return config.endpoint?.host === host && (known === undefined || !addresses.includes(known));
    });
    for (const { slot, config } of moved) {
      this.#bySlot.set(slot, { address, port: config.endpoint?.port ?? 0 });
    }
    return moved;
  }
}

async function withTimeout<T>(work: Promise<T>, host: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const error = new Error(`resolving ${host} takes more than ${RESOLVE_MS / 1_000} s`);
    timer = setTimeout(() => reject(error), RESOLVE_MS);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
