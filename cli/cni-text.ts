/** Containers of an agent for people. */
import pc from 'picocolors';
import type { AttachmentList, PortMapping, Readiness } from '../cni/attach-api.ts';
import { columns } from './columns.ts';
import { printable } from './format.ts';

export interface CniStatus extends AttachmentList, Readiness {}

const HEAD = ['container', 'interface', 'network', 'host interface', 'addresses', 'ports'];
/** Of a container's identifier, as runtimes print it. */
const ID_LEN = 12;

/** `icx cni status`: whether containers can be added, and those that are there. */
export function renderCniStatus({ ready, reason, attachments }: CniStatus, colors: boolean): string {
  const c = pc.createColors(colors);
  const state = ready ? c.green('ready for containers') : c.red(`not ready: ${printable(reason)}`);
  const rows = attachments.map((attachment) => [
    printable(attachment.containerId).slice(0, ID_LEN),
    printable(attachment.ifname),
    printable(attachment.network),
    printable(attachment.hostInterface.name),
    attachment.ips.map(({ address }) => printable(address)).join(' '),
    attachment.portMappings.map(portText).join(' '),
  ]);
  const table = rows.length === 0 ? ['no containers'] : columns(HEAD, rows, c);
  return `${[state, ...table].join('\n')}\n`;
}

function portText({ hostPort, containerPort, protocol, hostIP }: PortMapping): string {
  const host =
    hostIP === undefined ? '' : hostIP.includes(':') ? `[${printable(hostIP)}]:` : `${printable(hostIP)}:`;
  return `${host}${hostPort}→${containerPort}/${protocol}`;
}
