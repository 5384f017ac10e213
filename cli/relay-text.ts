/** Sessions of UDP relays for people. */
import pc from 'picocolors';
import type { RelayReport, RelaySession } from './admin-relay-api.ts';
import { columns } from './columns.ts';
import { formatAge, formatBytes, plural, printable } from './format.ts';

const HEAD = ['guest', 'source', 'destination', 'age', 'idle', 'sent', 'received'];

/** `icx relay list`: a table for each network. Sent is what the guest sent. */
export function renderRelay(report: RelayReport, colors: boolean): string {
  const c = pc.createColors(colors);
  const blocks = report.networks.map(({ network, vni, sessions }) => {
    const title = `${c.green(c.bold('network'))}: ${c.green(printable(network))}`;
    const heading = `${title} (vni ${vni}, ${plural(sessions.length, 'session')})\n`;
    const lines = sessions.length === 0 ? [] : columns(HEAD, sessions.map(row), c);
    return heading + lines.map((line) => `  ${line}\n`).join('');
  });
  return blocks.join('\n');
}

function row(session: RelaySession): string[] {
  return [
    printable(session.guest),
    printable(session.source),
    printable(session.destination),
    formatAge(session.age_seconds),
    formatAge(session.idle_seconds),
    `${session.tx_datagrams} (${formatBytes(session.tx_bytes)})`,
    `${session.rx_datagrams} (${formatBytes(session.rx_bytes)})`,
  ];
}
