/** The metrics of networks: switch, neighbours and ports. Names are promises: dashboards use them. */
import { Counter, Gauge, type Registry } from 'prom-client';
import { type NetworkLabels, networkLabels } from './metrics-labels.ts';
import {
  type NetworkSnapshot,
  type PortSnapshot,
  REFUSAL_REASONS,
  type SwitchSnapshot,
} from './metrics-snapshot.ts';

const NETWORK = ['interface', 'vni'] as const;
const PORT = [...NETWORK, 'port'] as const;

function define(registry: Registry) {
  const registers = [registry];
  const counter = (name: string, help: string, labelNames: readonly string[] = NETWORK) =>
    new Counter({ name, help, labelNames: [...labelNames], registers });
  const gauge = (name: string, help: string, labelNames: readonly string[] = NETWORK) =>
    new Gauge({ name, help, labelNames: [...labelNames], registers });
  return {
    entries: gauge('icx_fdb_entries', 'Stations that the switch knows, learned and static.'),
    maxEntries: gauge('icx_fdb_max_entries', 'Stations that the switch has room for.'),
    learned: counter('icx_fdb_learned_total', 'Stations learned.'),
    moved: counter('icx_fdb_moved_total', 'Stations that moved to another port or peer.'),
    aged: counter('icx_fdb_aged_total', 'Stations forgotten because they were silent.'),
    refused: counter('icx_fdb_refused_total', 'Frames whose source was not learned, by reason.', [
      ...NETWORK,
      'reason',
    ]),
    forwarded: counter('icx_l2_forwarded_frames_total', 'Frames that went to one port or peer.'),
    flooded: counter('icx_l2_flooded_frames_total', 'Frames that went to several ports or peers.'),
    drops: counter('icx_l2_drops_total', 'Frames that the switch dropped, by reason.', [
      ...NETWORK,
      'reason',
    ]),
    neighbours: gauge('icx_neighbours', 'IP addresses whose MAC address is known.'),
    suppressed: counter(
      'icx_neighbour_suppressed_total',
      'Questions for a MAC address that were answered here instead of being flooded.',
      [...NETWORK, 'protocol'],
    ),
    groups: gauge('icx_multicast_groups', 'Multicast groups with members, by IGMP and MLD.'),
    portUp: gauge('icx_port_up', 'Whether the port passes frames.', [...PORT, 'type']),
    portRxFrames: counter('icx_port_rx_frames_total', 'Frames from the port into the network.', PORT),
    portRxBytes: counter('icx_port_rx_bytes_total', 'Bytes from the port into the network.', PORT),
    portTxFrames: counter('icx_port_tx_frames_total', 'Frames from the network to the port.', PORT),
    portTxBytes: counter('icx_port_tx_bytes_total', 'Bytes from the network to the port.', PORT),
    portDrops: counter('icx_port_drops_total', 'Frames lost at the port: rx on the way in, tx out.', [
      ...PORT,
      'direction',
    ]),
    guestDrops: counter(
      'icx_guest_drops_total',
      'Packets of and to a guest that the router dropped, by reason; among those of icx_port_drops_total.',
      [...PORT, 'direction', 'reason'],
    ),
  };
}

export class NetworkMetrics {
  readonly #metrics: ReturnType<typeof define>;

  constructor(registry: Registry) {
    this.#metrics = define(registry);
  }

  /** Networks and ports that went away lose their series. */
  fill(networks: readonly NetworkSnapshot[]): void {
    for (const metric of Object.values(this.#metrics)) metric.reset();
    for (const network of networks) this.#fillNetwork(network);
  }

  #fillNetwork({ network, vni, neighbours, suppressed, ports, ...own }: NetworkSnapshot): void {
    const m = this.#metrics;
    const labels = networkLabels(network, vni);
    if (own.switch !== null) this.#fillSwitch(labels, own.switch);
    m.neighbours.set(labels, neighbours);
    for (const protocol of ['arp', 'nd'] as const) {
      m.suppressed.inc({ ...labels, protocol }, suppressed[protocol]);
    }
    for (const port of ports) this.#fillPort(labels, port);
  }

  #fillSwitch(labels: NetworkLabels, of: SwitchSnapshot): void {
    const m = this.#metrics;
    m.entries.set(labels, of.stations);
    m.maxEntries.set(labels, of.maxStations);
    m.learned.inc(labels, of.learned);
    m.moved.inc(labels, of.moved);
    m.aged.inc(labels, of.aged);
    for (const reason of REFUSAL_REASONS) m.refused.inc({ ...labels, reason }, of.refused[reason]);
    m.forwarded.inc(labels, of.forwarded);
    m.flooded.inc(labels, of.flooded);
    for (const [reason, frames] of Object.entries(of.drops)) m.drops.inc({ ...labels, reason }, frames);
    m.groups.set(labels, of.multicastGroups);
  }

  #fillPort(network: NetworkLabels, port: PortSnapshot): void {
    const m = this.#metrics;
    const labels = { ...network, port: port.name };
    m.portUp.set({ ...labels, type: port.type }, port.up ? 1 : 0);
    m.portRxFrames.inc(labels, port.rxFrames);
    m.portRxBytes.inc(labels, port.rxBytes);
    m.portTxFrames.inc(labels, port.txFrames);
    m.portTxBytes.inc(labels, port.txBytes);
    m.portDrops.inc({ ...labels, direction: 'rx' }, port.rxDropped);
    m.portDrops.inc({ ...labels, direction: 'tx' }, port.txDropped);
    for (const direction of ['rx', 'tx'] as const) {
      for (const [reason, packets] of Object.entries(port.drops?.[direction] ?? {})) {
        m.guestDrops.inc({ ...labels, direction, reason }, packets);
      }
    }
  }
}
