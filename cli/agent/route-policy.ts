/**
 * Which announced routes a network takes from whom.
 *
 * Where the config says two things of an address, the longer prefix counts: what another peer has
 * as its allowed_ips nobody may announce, unless accept_routes names something smaller in it (a
 * gateway's default route keeps no other peer from its containers).
 */
import { encodeKey } from '../../controlplane/key-text.ts';
import type { Prefix } from '../../dataplane/route/prefix.ts';
import type { NetworkConfig } from '../config/types.ts';
import { PrefixCover } from './prefix-cover.ts';

/**
 * not_accepted: outside of accept_routes. own: of this host. configured: in the allowed_ips of
 * another peer. taken: another peer announced it before.
 */
export type RouteRefusal = 'not_accepted' | 'own' | 'configured' | 'taken';

export class RoutePolicy {
  /** By public key, of peers that may announce something. */
  readonly #accepted: ReadonlyMap<string, PrefixCover<true>>;
  /** With the public keys of who has them. */
  readonly #configured: PrefixCover<readonly string[]>;
  readonly #own: PrefixCover<true>;

  /** @param announced Prefixes behind this host. */
  constructor({ addresses, peers, ports, relay }: NetworkConfig, announced: readonly string[]) {
    const accepting = peers.filter(({ acceptRoutes }) => acceptRoutes.length > 0);
    this.#accepted = new Map(
      accepting.map(({ publicKey, acceptRoutes }) => [encodeKey(publicKey), coverOf(acceptRoutes)]),
    );
    const owners = new Map<string, string[]>();
    // Peers may have 100,000 prefixes: read where there is something to compare them with.
    for (const { publicKey, allowedIps } of accepting.length > 0 ? peers : []) {
      const key = encodeKey(publicKey);
      for (const prefix of allowedIps) owners.set(prefix, [...(owners.get(prefix) ?? []), key]);
    }
    this.#configured = new PrefixCover(owners);
    const hosts = addresses.map((address) => address.replace(/\/.*$/, ''));
    const guests = ports.flatMap((port) => (port.type === 'unix' ? port.addresses : []));
    this.#own = coverOf([...hosts, ...guests, ...(relay?.addresses ?? []), ...announced]);
  }

  /**
   * @param key Of who announces it, base64.
   * @returns null where it may be taken; `known` where the config gives it to the same peer already.
   */
  judge(key: string, prefix: Prefix): Exclude<RouteRefusal, 'taken'> | 'known' | null {
    const [accepted] = this.#accepted.get(key)?.covering(prefix) ?? [];
    if (accepted === undefined) return 'not_accepted';
    if (!this.#own.covering(prefix).next().done) return 'own';
    for (const [length, owners] of this.#configured.covering(prefix)) {
      if (length === prefix.length && owners.includes(key)) return 'known';
      if (length >= accepted[0] && owners.some((owner) => owner !== key)) return 'configured';
    }
    return null;
  }
}

function coverOf(prefixes: readonly string[]): PrefixCover<true> {
  return new PrefixCover(prefixes.map((prefix) => [prefix, true] as const));
}
