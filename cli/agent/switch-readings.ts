/** Reads the switch of a network, for status, metrics and `icx port list`. */
import { CounterBlock } from '../../dataplane/path/counters.ts';
import type { SwitchReading } from '../../dataplane/worker/messages.ts';
import type { SwitchPort } from '../../dataplane/worker/pool-switch.ts';
import type { PortStatus } from '../admin-l2-api.ts';
import type { NetworkSnapshot, PortSnapshot } from '../metrics-snapshot.ts';
import type { Overlay } from './overlay.ts';
import type { OverlayNetwork } from './overlay-network.ts';
import { portDetail } from './port-plan.ts';

type PortReading = SwitchReading['ports'][number];

/** Ports of this host, then peers. @returns None for a network without a switch. */
export async function readPorts(overlay: Overlay, network: OverlayNetwork): Promise<PortStatus[]> {
  const own = overlay.pool.network(network.vni)?.switch ?? null;
  if (own === null) return [];
  const reading = await own.read();
  const byId = new Map(reading?.ports.map((port) => [port.id, port]));
  const locals = own.ports().map((port) => localPort(network, port, byId.get(port.id)));
  return [...locals, ...peerPorts(overlay, network, byId)];
}

/** What metrics tell of a network; null for one of IP packets, and while its queue is being replaced. */
export async function readNetwork(
  overlay: Overlay,
  network: OverlayNetwork,
): Promise<NetworkSnapshot | null> {
  const own = overlay.pool.network(network.vni)?.switch ?? null;
  if (own === null) return null;
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
    relay: null,
  };
}

function localPort(
  { config, mtu }: OverlayNetwork,
  { name, options }: SwitchPort,
  reading: PortReading | undefined,
): PortStatus {
  const counts = reading?.counts;
  const isOpen = reading !== undefined && !reading.isClosed;
  return {
    name,
    type: options?.type ?? 'tap',
    detail: options === null ? name : portDetail(options),
    state: isOpen ? 'up' : 'down',
    mtu: options?.type === 'unix' ? options.mtuBytes : mtu.mtuBytes,
    stations: reading?.stations ?? 0,
    max_stations: options?.maxStations ?? config.switch?.maxStationsPerPort ?? 0,
    rx_frames: counts?.rxFrames ?? 0,
    rx_bytes: counts?.rxBytes ?? 0,
    tx_frames: counts?.txFrames ?? 0,
    tx_bytes: counts?.txBytes ?? 0,
    rx_dropped: counts?.rxDropped ?? 0,
    tx_dropped: counts?.txDropped ?? 0,
  };
}

/** Peers as ports: what they carry is counted where they are peers. */
function peerPorts(
  { pool, peers, control }: Overlay,
  { vni, config, mtu, headerLen }: OverlayNetwork,
  byId: ReadonlyMap<number, PortReading>,
): PortStatus[] {
  const states = new Map(control.status().map(({ slot, state }) => [slot, state]));
  return peers.of(vni).map(({ slot, config: peer }) => {
    const totals = CounterBlock.sum(pool.counters, slot);
    const path = mtu.byPeer.get(slot);
    return {
      name: peer.name,
      type: 'peer',
      detail: peer.endpoint === null ? 'waits for its call' : peer.endpoint.host,
      state: states.get(slot) === 'up' ? 'up' : 'down',
      mtu: path === undefined ? mtu.mtuBytes : path - headerLen,
      stations: byId.get(slot)?.stations ?? 0,
      max_stations: config.switch?.maxStationsPerPort ?? 0,
      rx_frames: totals.rxPackets,
      rx_bytes: totals.rxBytes,
      tx_frames: totals.txPackets,
      tx_bytes: totals.txBytes,
      rx_dropped: totals.rxReceived - totals.rxKeepalives - totals.rxPackets,
      tx_dropped: totals.txReceived - totals.txPackets,
    };
  });
}

function portSnapshot(port: PortStatus): PortSnapshot {
  return {
    name: port.name,
    type: port.type,
    up: port.state === 'up',
    rxFrames: port.rx_frames,
    rxBytes: port.rx_bytes,
    rxDropped: port.rx_dropped,
    txFrames: port.tx_frames,
    txBytes: port.tx_bytes,
    txDropped: port.tx_dropped,
  };
}

function snakeCase(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
