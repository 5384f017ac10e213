/** Reads the switch of a network, for status, metrics and `icx port list`. */
import type { PoolSwitch } from '../../dataplane/worker/pool-switch.ts';
import type { PortStatus } from '../admin-l2-api.ts';
import type { NetworkSnapshot, RelaySnapshot } from '../metrics-snapshot.ts';
import type { Overlay } from './overlay.ts';
import type { OverlayNetwork } from './overlay-network.ts';
import { localPort, peerPorts, portSnapshot } from './port-readings.ts';

/** Ports of this host, then peers. */
export async function readSwitchPorts(
  overlay: Overlay,
  network: OverlayNetwork,
  own: PoolSwitch,
): Promise<PortStatus[]> {
  const reading = await own.read();
  const byId = new Map(reading?.ports.map((port) => [port.id, port]));
  const locals = own.ports().map((port) => localPort(network, port, byId.get(port.id)));
  return [...locals, ...peerPorts(overlay, network, byId)];
}

/** What metrics tell of the network; null while its queue is being replaced. */
export async function readSwitchNetwork(
  network: OverlayNetwork,
  own: PoolSwitch,
  relay: RelaySnapshot | null,
): Promise<NetworkSnapshot | null> {
  const reading = await own.read();
  if (reading === null) return null;
  const byId = new Map(reading.ports.map((port) => [port.id, port]));
  const { fdb, switch: counts } = reading;
  return {
    network: network.config.name,
    vni: network.vni,
    switch: {
      stations: fdb.size,
      maxStations: network.config.switch?.maxStations ?? 0,
      learned: fdb.learned,
      moved: fdb.moved,
      aged: fdb.aged,
      refused: {
        port_full: fdb.refusedPortCap,
        table_full: fdb.refusedTableCap,
        moves: fdb.refusedMoves,
        static: fdb.staticViolations,
      },
      forwarded: counts.forwarded,
      flooded: counts.flooded,
      drops: Object.fromEntries(Object.entries(counts.dropped).map(([key, n]) => [snakeCase(key), n])),
      multicastGroups: reading.multicastGroups,
    },
    neighbours: reading.neighbours,
    suppressed: reading.suppressed,
    ports: own.ports().map((port) => portSnapshot(localPort(network, port, byId.get(port.id)))),
    relay,
  };
}

function snakeCase(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
