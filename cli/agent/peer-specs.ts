/** Turns a peer's config into what the two planes want to know of it. */
import type { ControlPeer } from '../../controlplane/control-peer.ts';
import type { Endpoint, PeerSpec } from '../../dataplane/contract.ts';
import type { PeerConfig } from '../config/types.ts';
import type { PeerEntry } from './peer-table.ts';
import type { MeasuredMtu } from './underlay.ts';

/** The data plane's own limit. */
const MAX_SEALED_BYTES = 65_535;

/** Every pair of allowed_ips (behind the peer) and local_ips (here) of the same family. */
export function routesOf({ allowedIps, localIps }: PeerConfig): PeerSpec['routes'] {
  return routePairs(allowedIps, localIps);
}

/** As `routesOf`, for any prefixes behind a peer. */
export function routePairs(behind: readonly string[], localIps: readonly string[]): PeerSpec['routes'] {
  const isV6 = (prefix: string): boolean => prefix.includes(':');
  return behind.flatMap((dst) =>
    localIps.filter((src) => isV6(src) === isV6(dst)).map((src) => ({ dst, src })),
  );
}

/** Those of `before` that are in `after` too. */
export function commonRoutes(before: PeerSpec['routes'], after: PeerSpec['routes']): PeerSpec['routes'] {
  const kept = new Set(after.map(({ dst, src }) => `${dst} ${src}`));
  return before.filter(({ dst, src }) => kept.has(`${dst} ${src}`));
}

/**
 * @param endpoint  Resolved address of the configured endpoint.
 * @param headerLen What is sealed in front of each packet of the network, in bytes.
 */
export function peerSpec(
  entry: PeerEntry,
  endpoint: Endpoint | null,
  mtu: MeasuredMtu,
  headerLen: number,
): PeerSpec {
  const { slot, vni, config } = entry;
  // Where the underlay may fragment, the interface's own MTU is the only limit.
  const own = Math.min(mtu.mtuBytes + headerLen, MAX_SEALED_BYTES);
  return {
    slot,
    vni,
    routes: routesOf(config),
    endpoint,
    rxRateLimitPps: config.rxRateLimitPps,
    validateSource: config.validateSource,
    keepaliveMs: config.keepaliveMs,
    mtuBytes: mtu.fragment ? own : (mtu.byPeer.get(slot) ?? own),
    controlPort: config.controlPort,
    exit: config.exit === 'udp',
  };
}

export function controlPeer({ slot, vni, config }: PeerEntry): ControlPeer {
  return {
    slot,
    vni,
    name: config.name,
    publicKey: config.publicKey,
    psk: config.presharedKey,
    endpoint: config.endpoint,
    controlPort: config.controlPort,
    hybrid: config.hybrid,
  };
}
