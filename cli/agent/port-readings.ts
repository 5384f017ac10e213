/** What ports of all networks show in the same way: those of this host, and peers. */
import { CounterBlock } from '../../dataplane/path/counters.ts';
import type { GuestReading, SwitchPortReading } from '../../dataplane/worker/messages.ts';
import type { PoolPort } from '../../dataplane/worker/pool-ports.ts';
import type { PortStatus } from '../admin-l2-api.ts';
import type { PortSnapshot } from '../metrics-snapshot.ts';
import type { Overlay } from './overlay.ts';
import type { OverlayNetwork } from './overlay-network.ts';
import { portDetail } from './port-plan.ts';

export interface PortReading extends Pick<SwitchPortReading, 'stations' | 'counts' | 'isClosed'> {
  /** Where the config has no say. */
  readonly maxStations?: number;
  /** Packets by direction and reason. */
  readonly drops?: GuestReading['drops'];
}

/** A port of this host. @param reading What its queue says; undefined where that does not know it. */
export function localPort(
  { config, mtu }: OverlayNetwork,
  { name, options }: PoolPort,
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
    max_stations: reading?.maxStations ?? options?.maxStations ?? config.switch?.maxStationsPerPort ?? 0,
    rx_frames: counts?.rxFrames ?? 0,
    rx_bytes: counts?.rxBytes ?? 0,
    tx_frames: counts?.txFrames ?? 0,
    tx_bytes: counts?.txBytes ?? 0,
    rx_dropped: counts?.rxDropped ?? 0,
    tx_dropped: counts?.txDropped ?? 0,
    ...(reading?.drops === undefined ? {} : { drops: reading.drops }),
  };
}

/** Peers as ports: what they carry is counted where they are peers. */
export function peerPorts(
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

export function portSnapshot(port: PortStatus): PortSnapshot {
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
    ...(port.drops === undefined ? {} : { drops: port.drops }),
  };
}
