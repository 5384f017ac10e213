/**
 * What `ip` is told for an attachment, on the host and in the container.
 *
 *     L2   container ── veth ── port of the switch             the host's stack has no part in it
 *     L3   container ── veth ── host's routing ── TUN          the host's end is the container's gateway
 *
 * In L3 each host's end has the gateway's address for itself alone (/32, /128) and everything goes by it,
 * neighbours on the same prefix too: nothing has to answer ARP for others. Where no gateway is asked for it
 * is a link-local one.
 */
import type { Attach, Attached, AttachRoute } from '../../cni/attach-api.ts';
import { AttachCode } from '../../cni/attach-protocol.ts';
import { AttachError } from './attach-error.ts';
import { addressOf, type Family, familyOf, lengthOf, networkOf, sameAddress } from './container-network.ts';

/** Gateways of L3 networks that name none. @see RFC 3927, RFC 4291 §2.5.6 */
const LINK_LOCAL = { 4: '169.254.1.1', 6: 'fe80::1' } as const;
const HOST_LEN = { 4: 32, 6: 128 } as const;

export interface LinkPlan extends Attached {
  readonly mode: 'l2' | 'l3';
}

/**
 * The routes of a container, each with its next hop; none only where the link itself leads there.
 *
 * @throws {AttachError} for a route that can't be.
 */
export function plannedRoutes(
  mode: 'l2' | 'l3',
  { ips, routes }: Pick<Attach, 'ips' | 'routes'>,
): AttachRoute[] {
  return routes.map((route) => {
    const family = familyOf(route.dst);
    const gateway = gatewayOf(mode, ips, family);
    if (!ips.some(({ address }) => familyOf(address) === family)) {
      throw unsupported(`no address for the route to ${route.dst}`, 'the container has none of that family');
    }
    if (mode === 'l3' && route.gw !== undefined && gateway !== null && !sameAddress(route.gw, gateway)) {
      const hint = `in a routed network everything goes by the gateway of the address, ${gateway}`;
      throw unsupported(`the route to ${route.dst} goes by ${route.gw}`, hint);
    }
    const gw = route.gw ?? gateway;
    return gw === null ? route : { ...route, gw };
  });
}

function gatewayOf(mode: 'l2' | 'l3', ips: Attach['ips'], family: Family): string | null {
  const own = ips.find((ip) => ip.gateway !== undefined && familyOf(ip.address) === family)?.gateway;
  return own ?? (mode === 'l3' ? LINK_LOCAL[family] : null);
}

function unsupported(message: string, hint: string): AttachError {
  return new AttachError(AttachCode.unsupported, message, hint);
}

/**
 * Makes both ends at once, the container's in its namespace under its name.
 *
 * @param netns   Path of the namespace.
 * @param hasIpv6 Whether this kernel has it.
 */
export function hostCommands(plan: LinkPlan, netns: string, hasIpv6: boolean): string[] {
  const { hostInterface: host, containerInterface: inner } = plan;
  const add =
    `link add name ${host.name} mtu ${inner.mtu} address ${host.mac} type veth ` +
    `peer name ${inner.name} mtu ${inner.mtu} address ${inner.mac} netns ${netns}`;
  const quiet = hasIpv6 ? [`link set dev ${host.name} addrgenmode none`] : [];
  if (plan.mode === 'l2') return [add, ...quiet, `link set dev ${host.name} arp off up`];
  return [add, ...quiet, `link set dev ${host.name} up`, ...routedHostCommands(plan)];
}

function routedHostCommands({ hostInterface: { name }, ips }: LinkPlan): string[] {
  const families = ([4, 6] as const).filter((family) =>
    ips.some(({ address }) => familyOf(address) === family),
  );
  const gateways = families.flatMap((family) => {
    const gateway = gatewayOf('l3', ips, family);
    return gateway === null ? [] : [`${addressOf(gateway)}/${HOST_LEN[family]}`];
  });
  // Neighbour discovery asks from a link-local address.
  const linkLocal = families.includes(6) ? [`${LINK_LOCAL[6]}/64`] : [];
  const addresses = new Set([...gateways.filter((gateway) => !isLinkLocal6(gateway)), ...linkLocal]);
  return [
    ...[...addresses].map((address) => addressCommand(address, name)),
    ...ips.map(({ address }) => `route add ${hostPrefix(address)} dev ${name}`),
  ];
}

/** What gives the container's end its addresses and routes. */
export function containerCommands(plan: LinkPlan): string[] {
  const { ips, containerInterface: inner, mode } = plan;
  const name = inner.name;
  return [
    'link set dev lo up',
    `link set dev ${name} up`,
    ...ips.map(({ address }) => `${addressCommand(address, name)}${mode === 'l3' ? ' noprefixroute' : ''}`),
    ...(mode === 'l3' ? routedContainerCommands(plan) : []),
    ...plan.routes.map((route) => routeCommand(route, name)),
  ];
}

/** The way to the gateway, and by it to the network that the address is of. */
function routedContainerCommands({ ips, containerInterface: { name } }: LinkPlan): string[] {
  const commands = ips.flatMap(({ address }) => {
    const family = familyOf(address);
    const gateway = gatewayOf('l3', ips, family) ?? LINK_LOCAL[family];
    const toGateway = isLinkLocal6(gateway)
      ? []
      : [`route add ${hostPrefix(gateway)} dev ${name} scope link`];
    const isAlone = lengthOf(address) === HOST_LEN[family];
    return [...toGateway, ...(isAlone ? [] : [`route add ${networkOf(address)} via ${gateway} dev ${name}`])];
  });
  return [...new Set(commands)];
}

function routeCommand({ dst, gw, mtu }: AttachRoute, name: string): string {
  const via = gw === undefined ? '' : ` via ${gw}`;
  const limit = mtu === undefined || mtu === 0 ? '' : ` mtu ${mtu}`;
  // An asked route may be that to the network itself.
  return `route replace ${networkOf(dst)}${via} dev ${name}${limit}`;
}

/** `nodad`: addresses are given out once, and IPv6 would wait for a second before it uses one. */
function addressCommand(cidr: string, name: string): string {
  return `address add ${cidr} dev ${name}${familyOf(cidr) === 6 ? ' nodad' : ''}`;
}

function hostPrefix(ip: string): string {
  return `${addressOf(ip)}/${HOST_LEN[familyOf(ip)]}`;
}

function isLinkLocal6(ip: string): boolean {
  return /^fe[89ab]/i.test(ip);
}
