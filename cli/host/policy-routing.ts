/**
 * Keeps our own packets out of the overlay when its routes cover the underlay.
 *
 * A default route into the overlay, or one that contains a peer's underlay address, would
 * carry the sealed packets back into the tunnel. Such routes go to a table of their own, and
 * rules choose between it and `main`, in order:
 *
 *   1. our data and control ports        → main
 *   2. per prefix length, longest first  → main where it is more specific, else our table
 *
 * Rule 2 makes the two tables one for longest-prefix matching. With a default route alone it
 * is what wg-quick(8) does: `main suppress_prefixlength 0`, then the table.
 * @see ip-rule(8)
 */
import type { Family } from './ip.ts';

/** Our packets on the underlay. */
export interface OwnTraffic {
  /** UDP source ports of the data plane: every lane has one. */
  readonly dataPorts: readonly number[];
  readonly controlPort: number;
  /**
   * Whether control connections may leave from a port of the kernel's choice (HTTP/2 over TCP,
   * HTTP/3), so that they are known by where they go.
   */
  readonly ephemeralControl: boolean;
  /** Control addresses of the peers, IPv4 and IPv6. */
  readonly controlTargets: readonly { readonly address: string; readonly port: number }[];
}

const FIRST_PRIORITY = 5_200;
/** Written into rules and routes, so that `ip route` tells who made them. */
export const ROUTE_PROTOCOL = 105;

/**
 * Number of an interface's own table.
 *
 * It comes from the name alone: after a crash the next start finds what the last one left.
 */
export function policyTable(interfaceName: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(interfaceName)) {
    hash = Math.imul(hash ^ byte, 0x01000193) >>> 0; // FNV-1a
  }
  return 0x69000000 + (hash & 0xffffff);
}

/**
 * A rule has no name; a mark under an empty mask matches every packet and yet stays visible,
 * which makes it the label that tells this interface's rules from all others.
 */
export function ruleLabel(interfaceName: string): string {
  return `fwmark 0x${policyTable(interfaceName).toString(16)}/0x0`;
}

/** Rule selectors and actions in order, for `ip rule add` and `ip rule del` alike. */
export function policyRules(
  interfaceName: string,
  family: Family,
  prefixLengths: Iterable<number>,
  traffic: OwnTraffic,
): string[] {
  const label = ruleLabel(interfaceName);
  const end = `protocol ${ROUTE_PROTOCOL}`;
  const direct = ownSelectors(family, traffic).map(
    (selector) => `priority ${FIRST_PRIORITY} ${label} ${selector} lookup main ${end}`,
  );
  const lengths = [...new Set(prefixLengths)].sort((a, b) => b - a);
  const choose = lengths.flatMap((length) => {
    const priority = FIRST_PRIORITY + 1 + 2 * (128 - length);
    const shorter = length === 0 ? '' : `suppress_prefixlength ${length - 1} `;
    return [
      `priority ${priority} ${label} lookup main suppress_prefixlength ${length} ${end}`,
      `priority ${priority + 1} ${label} lookup ${policyTable(interfaceName)} ${shorter}${end}`,
    ];
  });
  return [...direct, ...choose];
}

function ownSelectors(family: Family, traffic: OwnTraffic): string[] {
  // iif lo is what this host sends itself: packets forwarded from others never leak past the overlay.
  const selectors = [
    ...[...traffic.dataPorts, traffic.controlPort].map((port) => `iif lo ipproto udp sport ${port}`),
  ];
  if (!traffic.ephemeralControl) return selectors;
  // Bound to the peer's address: anyone's traffic to that port elsewhere belongs in the overlay.
  const targets = traffic.controlTargets.filter(({ address }) => address.includes(':') === (family === 6));
  const outbound = targets.flatMap(({ address, port }) =>
    ['udp', 'tcp'].map((protocol) => `iif lo to ${address} ipproto ${protocol} dport ${port}`),
  );
  return [...new Set([...selectors, `iif lo ipproto tcp sport ${traffic.controlPort}`, ...outbound])];
}
