/** Keeps the relays of a running overlay in step with its config and with the addresses of the host. */
import type { WorkerPool } from '../../dataplane/worker/pool.ts';
import type { InterfaceConfig } from '../config/types.ts';
import { hostAddresses } from '../host/host-addresses.ts';
import type { Logger } from '../logger.ts';
import type { OverlayNetwork } from './overlay-network.ts';
import { overlayOf, portsOf, type RelaySurroundings, relaySettings } from './relay-plan.ts';

/** How often the host is asked for its addresses: who watches them needs iproute2, and tells of no address of ours. */
const REFRESH_MS = 10_000;

export interface OverlayRelaysOptions {
  readonly overlay: { readonly pool: WorkerPool; networks(): readonly OverlayNetwork[] };
  readonly own: Pick<InterfaceConfig, 'listen' | 'listenPort' | 'controlPort' | 'publicKey'>;
  readonly log: Logger;
}

export class OverlayRelays {
  readonly #options: OverlayRelaysOptions;
  /** One at a time, in order. */
  #applying: Promise<void> = Promise.resolve();

  constructor(options: OverlayRelaysOptions) {
    this.#options = options;
  }

  /**
   * Makes every network's relay what its config says, with the host as it is now; nothing happens where
   * that is what it was. @throws {WorkerError} when a queue refuses.
   */
  apply(): Promise<void> {
    const next = this.#applying.then(() => this.#apply());
    this.#applying = next.catch(() => {});
    return next;
  }

  /** Applies again and again. @returns What ends that. */
  watch(): () => void {
    const { log } = this.#options;
    const timer = setInterval(() => {
      if (this.#withRelay().length === 0) return;
      this.apply().catch(({ message }: Error) =>
        log.error({ reason: message }, 'cannot follow the addresses of the host'),
      );
    }, REFRESH_MS);
    timer.unref();
    return () => clearInterval(timer);
  }

  async #apply(): Promise<void> {
    const { overlay } = this.#options;
    const around = this.#withRelay().length > 0 ? this.#surroundings() : null;
    for (const { vni, config, mtu } of overlay.networks()) {
      const { relay } = config;
      const settings = relay && around && relaySettings(config, relay, mtu.mtuBytes, around);
      await overlay.pool.network(vni)?.relay?.set(settings);
    }
  }

  #surroundings(): RelaySurroundings {
    const { overlay, own } = this.#options;
    const { pool } = overlay;
    const open = (vni: number) =>
      (pool.network(vni)?.ports?.ports() ?? []).flatMap(({ options }) => (options === null ? [] : [options]));
    const networks = overlay.networks();
    const { listen: address, listenPort, controlPort, publicKey } = own;
    return {
      overlay: [...new Set(networks.flatMap(({ vni, config }) => overlayOf(config, open(vni))))],
      host: hostAddresses(),
      publicKey,
      ownPorts: [
        ...[listenPort, controlPort, ...pool.sourcePorts].map((port) => ({ address, port })),
        ...networks.flatMap(({ vni }) => portsOf(open(vni))),
      ],
      relays: this.#withRelay().length,
    };
  }

  #withRelay(): OverlayNetwork[] {
    return this.#options.overlay.networks().filter(({ config }) => config.relay !== null);
  }
}
