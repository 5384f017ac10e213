/** What a network's interface shall have on the host, from the config and what is known of the underlay. */
import { createHash } from 'node:crypto';
import type { InterfaceConfig, NetworkConfig, PeerConfig } from '../config/types.ts';
import type { InterfacePlan } from '../host/interface.ts';

/** A peer whose underlay address is known. */
export interface ReachablePeer {
  readonly address: string;
  readonly controlPort: number;
}

/** Without announced routes. @param dataPorts UDP source ports of the data plane. */
export function interfacePlan(
  own: InterfaceConfig,
  network: NetworkConfig,
  mtuBytes: number,
  dataPorts: readonly number[],
  reachable: readonly ReachablePeer[],
): Omit<InterfacePlan, 'announced'> {
  return {
    mac: network.mode === 'l2' ? interfaceMac(own.publicKey, network.vni) : null,
    addresses: network.addresses,
    mtuBytes,
    routes: network.routes ? network.peers.flatMap((peer) => peer.allowedIps) : [],
    endpoints: [...new Set(reachable.map(({ address }) => address))],
    traffic: {
      dataPorts,
      controlPort: own.controlPort,
      ephemeralControl: own.controlTransport === 'webtransport',
      controlTargets: reachable.map(({ address, controlPort }) => ({ address, port: controlPort })),
    },
  };
}

/** Whether the interface carries IPv6, which the kernel refuses below its minimum MTU: every Ethernet does. */
export function carriesIpv6(network: NetworkConfig): boolean {
  const behind = ({ allowedIps, acceptRoutes }: PeerConfig) => [...allowedIps, ...acceptRoutes];
  const routes = network.routes ? network.peers.flatMap(behind) : [];
  return network.mode === 'l2' || [...network.addresses, ...routes].some((prefix) => prefix.includes(':'));
}

/**
 * MAC address of a network's interface: the same after a restart, so that what neighbours remember
 * stays right, and another on every host and in every network.
 *
 * @see IEEE 802 §8.4: locally administered, one station
 */
export function interfaceMac(publicKey: Uint8Array, vni: number): string {
  const digest = createHash('sha256').update('icx mac').update(publicKey).update(String(vni)).digest();
  const [first = 0, ...rest] = digest.subarray(0, 6);
  return [(first & 0xfc) | 0x02, ...rest].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
}
