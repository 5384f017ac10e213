/** Whether two published ports, or a published port and a socket, are in each other's way. */
import type { PortMapping } from './attach-api.ts';
import { isUnspecified } from './netfilter.ts';

/** The published ports of one attachment. */
export interface PublishedPorts {
  readonly containerId: string;
  readonly ifname: string;
  readonly portMappings: readonly PortMapping[];
}

/** The attachment that publishes the port already; null when there is none. */
export function findConflict(wanted: PortMapping, others: readonly PublishedPorts[]): PublishedPorts | null {
  const inTheWay = (mapping: PortMapping) =>
    mapping.protocol === wanted.protocol &&
    mapping.hostPort === wanted.hostPort &&
    addressesMeet(mapping.hostIP, wanted.hostIP);
  return others.find(({ portMappings }) => portMappings.some(inTheWay)) ?? null;
}

/** Undefined stands for every address; `0.0.0.0` and `::` for every one of their family. */
export function addressesMeet(a: string | undefined, b: string | undefined): boolean {
  if (a === undefined || b === undefined) return true;
  if (a.includes(':') !== b.includes(':')) return false;
  return a === b || isUnspecified(a) || isUnspecified(b);
}
