/** Reads the guests of an L3 network, for status, metrics and `icx port list`. */
import { MAX_NEIGHBOURS } from '../../dataplane/worker/guest-limits.ts';
import type { GuestsReading } from '../../dataplane/worker/messages.ts';
import type { PoolGuests } from '../../dataplane/worker/pool-guests.ts';
import type { PortStatus } from '../admin-l2-api.ts';
import type { NetworkSnapshot, RelaySnapshot } from '../metrics-snapshot.ts';
import type { Overlay } from './overlay.ts';
import type { OverlayNetwork } from './overlay-network.ts';
import { localPort, type PortReading, peerPorts, portSnapshot } from './port-readings.ts';

const NO_PORTS: ReadonlyMap<number, PortReading> = new Map();

/** Guests of this host, then peers. */
export async function readGuestPorts(
  overlay: Overlay,
  network: OverlayNetwork,
  own: PoolGuests,
): Promise<PortStatus[]> {
  const locals = portsOf(network, own, await own.read());
  return [...locals, ...peerPorts(overlay, network, NO_PORTS)];
}

/** What metrics tell of the network; null while its queue is being replaced. */
export async function readGuestNetwork(
  network: OverlayNetwork,
  own: PoolGuests,
  relay: RelaySnapshot | null,
): Promise<NetworkSnapshot | null> {
  const reading = await own.read();
  if (reading === null) return null;
  return {
    network: network.config.name,
    vni: network.vni,
    switch: null,
    neighbours: reading.guests.reduce((sum, { neighbours }) => sum + neighbours, 0),
    suppressed: reading.answered,
    ports: portsOf(network, own, reading).map(portSnapshot),
    relay,
  };
}

/** The stations behind a guest's port are the addresses that it was heard to have. */
function portsOf(network: OverlayNetwork, own: PoolGuests, reading: GuestsReading | null): PortStatus[] {
  const byId = new Map(
    (reading?.guests ?? []).map(({ id, neighbours, ...rest }): [number, PortReading] => [
      id,
      { ...rest, stations: neighbours, maxStations: MAX_NEIGHBOURS },
    ]),
  );
  return own.ports().map((port) => localPort(network, port, byId.get(port.id)));
}
