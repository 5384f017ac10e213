/** Decides which routes an interface gets, and which of them need a table of their own. */
import { formatPrefix, type Prefix, parsePrefix, shortened } from '../../dataplane/route/prefix.ts';
import type { Family } from './ip.ts';
import { type OwnTraffic, policyRules, policyTable, ROUTE_PROTOCOL } from './policy-routing.ts';

/** Something to make on the host; `add` and `remove` are commands for `ip`, without `ip`. */
export interface Step {
  readonly family: Family;
  /** Whether the host can be without it: what others ask for must not keep it from what it needs. */
  readonly isOptional: boolean;
  readonly add: string;
  /** null where it goes away by itself. */
  readonly remove: string | null;
}

export interface RoutePlan {
  /** Destinations behind the interface, CIDR. */
  readonly routes: readonly string[];
  /** More of them, which peers announce: the host may have the same routes already. */
  readonly announced: readonly string[];
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
  const needed = byText(plan.routes);
  const prefixes = new Map([...needed, ...byText(plan.announced)]);
  const covering = coveringPrefixes(prefixes, plan.endpoints);
  return ([4, 6] as const).flatMap((family) => {
    const own = [...prefixes].filter(([, prefix]) => prefix.family === family);
    const policy = own.filter(([text]) => covering.has(text));
    const plain = own.filter(([text]) => !covering.has(text) && !connected.has(text));
    const lengths = policy.map(([, prefix]) => prefix.length);
    const step = (text: string, table: string) =>
      routeStep(family, `${text} dev ${name} protocol ${ROUTE_PROTOCOL}${table}`, !needed.has(text));
    return [
      ...plain.map(([text]) => step(text, '')),
      ...policy.map(([text]) => step(text, ` table ${policyTable(name)}`)),
      ...(policy.length === 0 ? [] : policyRules(name, family, lengths, plan.traffic)).map((rule) => ({
        family,
        isOptional: false,
        add: `rule add ${rule}`,
        remove: `rule del ${rule}`,
      })),
    ];
  });
}

function routeStep(family: Family, route: string, isOptional: boolean): Step {
  return { family, isOptional, add: `route add ${route}`, remove: `route del ${route}` };
}

function byText(routes: readonly string[]): Map<string, Prefix> {
  return new Map(routes.map(parsePrefix).map((prefix) => [formatPrefix(prefix), prefix]));
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
