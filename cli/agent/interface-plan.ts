/** What a network's interface shall have on the host, from the config and what is known of the underlay. */
import { createHash } from 'node:crypto';
import type { InterfaceConfig, NetworkConfig } from '../config/types.ts';
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
    routes: routesOf(network),
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
  const accepted = network.routes ? network.peers.flatMap((peer) => peer.acceptRoutes) : [];
  const inner = [...network.addresses, ...routesOf(network), ...accepted, ...guestAddresses(network)];
  return network.mode === 'l2' || inner.some((prefix) => prefix.includes(':'));
}

/** What the host's kernel is to send into the interface. */
function routesOf(network: NetworkConfig): string[] {
  if (!network.routes) return [];
  return [...new Set([...network.peers.flatMap((peer) => peer.allowedIps), ...guestAddresses(network)])];
}

/** Of an L3 network: ports of others have none. */
function guestAddresses({ ports }: NetworkConfig): string[] {
  return ports.flatMap((port) => (port.type === 'unix' ? port.addresses : []));
}

/**
 * MAC address of a network's interface: the same after a restart, so that what neighbours remember
 * stays right, and another on every host and in every network.
 */
export function interfaceMac(publicKey: Uint8Array, vni: number): string {
  return stationMac('icx mac', publicKey, vni);
}

/** MAC address of the relay of an Ethernet network, with the same properties. */
export function relayMac(publicKey: Uint8Array, vni: number): string {
  return stationMac('icx relay mac', publicKey, vni);
}

/** @see IEEE 802 §8.4: locally administered, one station */
function stationMac(label: string, publicKey: Uint8Array, vni: number): string {
  const digest = createHash('sha256').update(label).update(publicKey).update(String(vni)).digest();
  const [first = 0, ...rest] = digest.subarray(0, 6);
  return [(first & 0xfc) | 0x02, ...rest].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
}
