/** Reads the ports of a network, whatever its mode. */
import type { PortStatus } from '../admin-l2-api.ts';
import type { NetworkSnapshot } from '../metrics-snapshot.ts';
import { readGuestNetwork, readGuestPorts } from './guest-readings.ts';
import type { Overlay } from './overlay.ts';
import type { OverlayNetwork } from './overlay-network.ts';
import { readRelay } from './relay-readings.ts';
import { readSwitchNetwork, readSwitchPorts } from './switch-readings.ts';

/** Ports of this host, then peers. @returns None for a network that takes no ports. */
export async function readPorts(overlay: Overlay, network: OverlayNetwork): Promise<PortStatus[]> {
  const own = overlay.pool.network(network.vni);
  if (own?.switch) return await readSwitchPorts(overlay, network, own.switch);
  return own?.guests ? await readGuestPorts(overlay, network, own.guests) : [];
}

/** What metrics tell of a network; null for one of IP packets that has neither ports nor a relay. */
export async function readNetwork(
  overlay: Overlay,
  network: OverlayNetwork,
): Promise<NetworkSnapshot | null> {
  const own = overlay.pool.network(network.vni);
  if (own === undefined) return null;
  const relay = await readRelay(own);
  if (own.switch) return await readSwitchNetwork(network, own.switch, relay);
  const { guests } = own;
  if (guests === null || (guests.ports().length === 0 && network.config.relay === null)) return null;
  return await readGuestNetwork(network, guests, relay);
}
