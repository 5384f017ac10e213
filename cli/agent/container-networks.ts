/** The overlay's networks as attaching containers sees them. */
import type { ContainerNetwork } from '../containers/container-network.ts';
import type { Overlay } from './overlay.ts';

export function containerNetworks(overlay: Overlay): ContainerNetwork[] {
  return overlay.networks().map(({ vni, config, mtu }) => ({
    name: config.name,
    vni,
    mode: config.mode,
    device: config.device ? config.name : null,
    addresses: config.addresses,
    mtuBytes: mtu.mtuBytes,
    peerPrefixes: config.peers.flatMap(({ name, allowedIps }) =>
      allowedIps.map((prefix) => ({ peer: name, prefix })),
    ),
    switch: overlay.pool.network(vni)?.switch ?? null,
  }));
}
