/** Stations, ports and neighbours of L2 networks for people. */
import pc from 'picocolors';
import type { FdbReport, NeighReport, PortReport, PortStatus } from './admin-l2-api.ts';
import { columns } from './columns.ts';
import { formatAge, formatBytes, printable } from './format.ts';
import type { Colors } from './text-blocks.ts';

/** `icx fdb show`: a table for each network. */
export function renderFdb(report: FdbReport, colors: boolean): string {
  const c = pc.createColors(colors);
  const blocks = report.networks.map((network) => {
    const heading = title(network, c, `, ageing ${formatAge(network.ageing_seconds)}`);
    const rows = network.entries.map((entry) => [
      entry.mac,
      printable(entry.port),
      entry.kind,
      entry.state,
      lastSeen(entry.age_seconds),
    ]);
    return block(heading, ['mac', 'port', 'kind', 'state', 'age'], rows, 'no stations', c);
  });
  return blocks.join('\n');
}

/** `icx port list`: a table for each network. */
export function renderPorts(report: PortReport, colors: boolean): string {
  const c = pc.createColors(colors);
  const head = [
    'port',
    'type',
    'state',
    'mtu',
    'stations',
    'rx',
    'tx',
    'rx dropped',
    'tx dropped',
    'leads to',
  ];
  const blocks = report.networks.map((network) =>
    block(title(network, c), head, network.ports.map(portRow), 'no ports', c),
  );
  return blocks.join('\n');
}

function portRow(port: PortStatus): string[] {
  return [
    printable(port.name),
    port.type,
    port.state,
    String(port.mtu),
    `${port.stations}/${port.max_stations}`,
    `${port.rx_frames} (${formatBytes(port.rx_bytes)})`,
    `${port.tx_frames} (${formatBytes(port.tx_bytes)})`,
    String(port.rx_dropped),
    String(port.tx_dropped),
    printable(port.detail),
  ];
}

/** `icx neigh show`: a table for each network. */
export function renderNeighbours(report: NeighReport, colors: boolean): string {
  const c = pc.createColors(colors);
  const blocks = report.networks.map((network) => {
    const rows = network.neighbours.map((entry) => [
      printable(entry.ip),
      entry.mac,
      printable(entry.port),
      entry.kind,
      entry.state,
      lastSeen(entry.age_seconds),
    ]);
    const head = ['ip', 'mac', 'port', 'kind', 'state', 'age'];
    return block(title(network, c), head, rows, 'no neighbours', c);
  });
  return blocks.join('\n');
}

function title({ network, vni }: { network: string; vni: number }, c: Colors, more = ''): string {
  return `${c.green(c.bold('network'))}: ${c.green(printable(network))} (vni ${vni}${more})`;
}

function block(
  heading: string,
  head: readonly string[],
  rows: readonly (readonly string[])[],
  empty: string,
  c: Colors,
): string {
  const lines = rows.length === 0 ? [`(${empty})`] : columns(head, rows, c);
  return `${heading}\n${lines.map((line) => `  ${line}\n`).join('')}`;
}

/** Static entries have no age. */
function lastSeen(seconds: number | null): string {
  return seconds === null ? '' : formatAge(seconds);
}
