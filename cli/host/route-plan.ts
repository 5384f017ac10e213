/** Decides which routes an interface gets, and which of them need a table of their own. */
import { formatPrefix, type Prefix, parsePrefix, wordMask } from '../../dataplane/route/prefix.ts';
import type { Family } from './ip.ts';
import { type OwnTraffic, policyRules, policyTable, ROUTE_PROTOCOL } from './policy-routing.ts';

/** Something to make on the host; `add` and `remove` are commands for `ip`, without `ip`. */
export interface Step {
  readonly family: Family;
  readonly add: string;
  /** null where it goes away by itself. */
  readonly remove: string | null;
}

export interface RoutePlan {
  /** Destinations behind the interface, CIDR. */
  readonly routes: readonly string[];
  /** Underlay addresses of the peers, as far as they are known. */
  readonly endpoints: readonly string[];
  readonly traffic: OwnTraffic;
}

/**
 * Steps in the order in which they must be made: every route before the rules that use it.
 *
 * @param connected Destinations that the interface's addresses make reachable already; the same
 *   route is not made again.
 */
export function routeSteps(name: string, plan: RoutePlan, connected: ReadonlySet<string>): Step[] {
  const prefixes = new Map(plan.routes.map(parsePrefix).map((prefix) => [formatPrefix(prefix), prefix]));
  const covering = coveringPrefixes(prefixes, plan.endpoints);
  return ([4, 6] as const).flatMap((family) => {
    const own = [...prefixes].filter(([, prefix]) => prefix.family === family);
    const policy = own.filter(([text]) => covering.has(text));
    const plain = own.filter(([text]) => !covering.has(text) && !connected.has(text));
    const lengths = policy.map(([, prefix]) => prefix.length);
    return [
      ...plain.map(([text]) => routeStep(family, `${text} dev ${name} protocol ${ROUTE_PROTOCOL}`)),
      ...policy.map(([text]) =>
        routeStep(family, `${text} dev ${name} protocol ${ROUTE_PROTOCOL} table ${policyTable(name)}`),
      ),
      ...(policy.length === 0 ? [] : policyRules(name, family, lengths, plan.traffic)).map((rule) => ({
        family,
        add: `rule add ${rule}`,
        remove: `rule del ${rule}`,
      })),
    ];
  });
}

function routeStep(family: Family, route: string): Step {
  return { family, add: `route add ${route}`, remove: `route del ${route}` };
}

/** Default routes, and prefixes that contain one of the addresses. */
function coveringPrefixes(
  prefixes: ReadonlyMap<string, Prefix>,
  endpoints: readonly string[],
): ReadonlySet<string> {
  const found = new Set([...prefixes].filter(([, prefix]) => prefix.length === 0).map(([text]) => text));
  const lengths = new Set([...prefixes.values()].map((prefix) => prefix.length));
  // A look-up per length, not a comparison per route: thousands of both stay cheap.
  for (const address of endpoints.map((endpoint) => parsePrefix(endpoint.replace(/%.*$/, '')))) {
    for (const length of lengths) {
      if (length > address.length) continue;
      const text = formatPrefix(shortened(address, length));
      if (prefixes.has(text)) found.add(text);
    }
  }
  return found;
}

function shortened(prefix: Prefix, length: number): Prefix {
  const word = (index: 0 | 1 | 2 | 3) => (prefix.words[index] & wordMask(length, index)) >>> 0;
  return { family: prefix.family, words: [word(0), word(1), word(2), word(3)], length };
}
