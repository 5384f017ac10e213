/**
 * Finds interfaces whose reverse path filter would drop the peers' packets.
 *
 * When a route of the overlay covers a peer's underlay address, the kernel's strict filter
 * asks for the way back without looking at ports, finds the overlay and drops what came in by
 * the underlay. The loose filter only wants some way back.
 * @see RFC 3704 §2, Linux Documentation/networking/ip-sysctl.rst, rp_filter
 */
import { readdirSync, readFileSync } from 'node:fs';

const CONF = '/proc/sys/net/ipv4/conf';
const STRICT = 1;

/** @returns Names of strictly filtering interfaces besides `ownDevice`, in order. */
export function strictReversePaths(ownDevice: string): string[] {
  const all = rpFilter('all');
  return readdirSync(CONF)
    .filter((device) => !['all', 'default', 'lo', ownDevice].includes(device))
    .filter((device) => Math.max(all, rpFilter(device)) === STRICT)
    .sort();
}

function rpFilter(device: string): number {
  try {
    return Number(readFileSync(`${CONF}/${device}/rp_filter`, 'utf8'));
  } catch {
    return 0; // The interface went away.
  }
}
