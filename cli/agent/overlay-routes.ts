/**
 * Announced routes of a running agent: tells the peers what is behind this host, and has the data
 * plane and the host follow what they tell.
 */
import type { ControlPeer } from '../../controlplane/control-peer.ts';
import type { ControlPlane } from '../../controlplane/control-plane.ts';
import { encodeKey } from '../../controlplane/key-text.ts';
import { type IpPrefix, MAX_ROUTES } from '../../controlplane/routes/ip-prefix.ts';
import { formatPrefix, parsePrefix } from '../../dataplane/route/prefix.ts';
import type { WorkerPool } from '../../dataplane/worker/pool.ts';
import { CliError, Exit } from '../cli-error.ts';
import type { NetworkConfig } from '../config/types.ts';
import { LogLimiter } from '../log-limiter.ts';
import type { Logger } from '../logger.ts';
import type { RouteChanges } from './announced-routes.ts';
import type { OverlayNetwork } from './overlay-network.ts';
import { routePairs } from './peer-specs.ts';
import type { PeerTable } from './peer-table.ts';
import { RoutePolicy } from './route-policy.ts';

export interface OverlayRoutesOptions {
  /** Those in force; undefined for a VNI that none has. */
  network(vni: number): OverlayNetwork | undefined;
  readonly peers: PeerTable;
  pool(): WorkerPool;
  /** null before it is open. */
  control(): ControlPlane | null;
  readonly log: Logger;
  /** The host's routes are to follow. */
  onChange(): void;
}

const REFUSED_LOG_MS = 60_000;
/** Prefixes that a log line names. */
const MAX_NAMED = 8;

export class OverlayRoutes {
  readonly #options: OverlayRoutesOptions;
  /** By VNI: what containers of this host have, besides what the config announces. */
  readonly #local = new Map<number, readonly string[]>();
  readonly #limiter = new LogLimiter(REFUSED_LOG_MS);

  constructor(options: OverlayRoutesOptions) {
    this.#options = options;
  }

  /**
   * Makes `prefixes` all that is behind this host in a network, besides what the config announces.
   * Nothing in an l2 network, where switches find out by themselves.
   *
   * @throws {RangeError} for text that is no prefix and a VNI that no network has.
   * @throws {CliError}   for more than peers would take; nothing changed then.
   */
  announce(vni: number, prefixes: readonly string[]): void {
    const network = this.#options.network(vni);
    if (network === undefined) throw new RangeError(`there is no network ${vni}`);
    const local = prefixes.map((prefix) => formatPrefix(parsePrefix(prefix)));
    if (network.config.mode === 'l2') return;
    const count = new Set([...network.config.announce, ...local]).size;
    if (count > MAX_ROUTES) throw tooMany(network.config.name, count);
    this.#local.set(vni, local);
    this.follow(network);
  }

  /** A network's config is another, or what is behind this host: peers are told, all is decided anew. */
  follow(network: OverlayNetwork): void {
    const own = this.#own(network.config);
    if (own.length <= MAX_ROUTES) this.#options.control()?.announce(network.vni, own.map(parsePrefix));
    else this.#options.log.warn(tooMany(network.config.name, own.length).message);
    this.#apply(network, network.announced.use(new RoutePolicy(network.config, own)));
  }

  /** Routes that `next` would not take go, and none come until {@link follow}. */
  hold(network: OverlayNetwork, next: NetworkConfig): void {
    this.#apply(network, network.announced.hold(new RoutePolicy(next, this.#own(next))));
  }

  /** A peer announces these, all that it does now. */
  received({ slot, vni, publicKey }: ControlPeer, prefixes: readonly IpPrefix[]): void {
    const network = this.#options.network(vni);
    if (network === undefined || network.config.mode === 'l2') return;
    this.#apply(network, network.announced.set(slot, encodeKey(publicKey), prefixes));
    this.#logRefused(network, slot);
  }

  /** A peer is removed; the data plane has forgotten it. */
  forget(slot: number): void {
    const network = this.#options.network(this.#options.peers.bySlot(slot)?.vni ?? 0);
    if (network !== undefined) this.#apply(network, network.announced.forget(slot));
  }

  /** A network was removed. */
  forgetNetwork(vni: number): void {
    this.#local.delete(vni);
    this.#options.control()?.announce(vni, []);
  }

  #own({ vni, announce }: NetworkConfig): string[] {
    return [...new Set([...announce, ...(this.#local.get(vni) ?? [])])];
  }

  /** Told to the queues before this returns, so that peers that are set later have the same routes. */
  #apply(network: OverlayNetwork, { removed, added }: RouteChanges): void {
    if (removed.size + added.size === 0) return;
    const pool = this.#options.pool();
    const pairs = (slot: number, prefixes: readonly string[]) =>
      routePairs(prefixes, this.#options.peers.bySlot(slot)?.config.localIps ?? []);
    const told = [
      ...[...removed].map(([slot, prefixes]) => pool.removeRoutes(slot, pairs(slot, prefixes))),
      ...[...added].map(([slot, prefixes]) => pool.addRoutes(slot, pairs(slot, prefixes))),
    ];
    for (const done of told) {
      done.catch((error: Error) => {
        const fields = { network: network.config.name, reason: error.message };
        this.#options.log.error(fields, 'cannot change announced routes');
      });
    }
    this.#options.onChange();
  }

  #logRefused(network: OverlayNetwork, slot: number): void {
    const peer = this.#options.peers.nameOf(slot);
    for (const [reason, prefixes] of network.announced.refused(slot)) {
      if (this.#limiter.admit(`${slot} ${reason}`, performance.now()) === null) continue;
      const fields = { peer, network: network.config.name, reason, routes: prefixes.length };
      this.#options.log.warn({ ...fields, first: prefixes.slice(0, MAX_NAMED) }, 'announced routes refused');
    }
  }
}

function tooMany(network: string, count: number): CliError {
  const hint = `a host announces ${MAX_ROUTES} at most: announce what contains them`;
  return new CliError(
    `cannot announce ${count} prefixes in network ${network}`,
    hint,
    Exit.failed,
    'ERR_ICX_ROUTES',
  );
}
