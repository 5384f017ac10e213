/** Turns the relay of a config, and what is known of the host, into what the data plane makes of it. */
import type { Endpoint } from '../../dataplane/contract.ts';
import { formatPrefix, parsePrefix, wordMask } from '../../dataplane/route/prefix.ts';
import type { RelaySettings } from '../../dataplane/worker/pool-relay.ts';
import type { PortOptions } from '../../dataplane/worker/port-options.ts';
import type { NetworkConfig, RelayConfig } from '../config/types.ts';
import type { HostAddresses } from '../host/host-addresses.ts';
import { relayMac } from './interface-plan.ts';

const DNS_PORT = 53;
/**
 * Shorter prefixes of a peer are a default route, or its halves: what the host itself reaches through a
 * network is no address of that network.
 */
const MIN_OVERLAY_LENGTH = 8;

/** What all relays of an agent keep guests from. */
export interface RelaySurroundings {
  /** Inner prefixes of all networks. */
  readonly overlay: readonly string[];
  readonly host: HostAddresses;
  /** UDP sockets of the agent. */
  readonly ownPorts: readonly Endpoint[];
  readonly publicKey: Uint8Array;
  /** Networks with a relay. */
  readonly relays: number;
}

/** @param mtuBytes Of the network. */
export function relaySettings(
  { addresses: inner, device, mode, vni }: NetworkConfig,
  relay: RelayConfig,
  mtuBytes: number,
  { overlay, host, ownPorts, publicKey, relays }: RelaySurroundings,
): RelaySettings {
  const { addresses, resolver, deny, allow } = relay;
  return {
    mac: mode === 'l2' ? relayMac(publicKey, vni) : null,
    addresses: {
      v4: addresses.find((address) => !isV6(address)) ?? null,
      v6: addresses.find(isV6) ?? null,
    },
    resolver: resolver === null ? null : { address: resolver, port: DNS_PORT },
    rules: {
      deny,
      allow,
      overlay: [...overlay, ...host.prefixes],
      hostAddresses: host.addresses,
      ownPorts,
    },
    host: device && mode === 'l3' ? inner.map(networkOf) : [],
    limits: {
      maxSessions: relay.maxSessions,
      maxPerGuest: relay.maxSessionsPerGuest,
      idleMs: relay.idleTimeoutMs,
    },
    shares: relays,
    mtuBytes,
  };
}

/** Inner prefixes of a network. @param ports Open ones, of which guests have addresses. */
export function overlayOf(network: NetworkConfig, ports: readonly PortOptions[]): string[] {
  const { addresses, peers } = network;
  const routed = peers.flatMap(({ allowedIps }) => allowedIps);
  const guests = ports.flatMap((port) => (port.type === 'unix' ? port.addresses : []));
  const own = addresses.map(networkOf);
  return [...new Set([...own, ...routed.filter(isOverlay), ...guests])];
}

/** The UDP sockets of ports. */
export function portsOf(ports: readonly PortOptions[]): Endpoint[] {
  return ports.flatMap((port) =>
    port.type === 'vxlan' ? [{ address: port.listen, port: port.listenPort }] : [],
  );
}

function isOverlay(prefix: string): boolean {
  return parsePrefix(prefix).length >= MIN_OVERLAY_LENGTH;
}

/** "10.77.0.1/24" is 10.77.0.0/24. */
function networkOf(address: string): string {
  const [host = '', text] = address.split('/');
  const whole = parsePrefix(host);
  const length = text === undefined ? whole.length : Number(text);
  const [a, b, c, d] = whole.words;
  const words = [a, b, c, d].map((word, i) => (word & wordMask(length, i)) >>> 0);
  return formatPrefix({
    ...whole,
    length,
    words: [words[0] ?? 0, words[1] ?? 0, words[2] ?? 0, words[3] ?? 0],
  });
}

function isV6(address: string): boolean {
  return address.includes(':');
}
