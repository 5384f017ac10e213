/** Compares what a container has with what it was given. */
import { z } from 'zod';
import type { Attach } from '../../cni/attach-api.ts';
import { AttachError } from './attach-error.ts';
import { type ContainerNetwork, familyOf, lengthOf, networkOf, sameAddress } from './container-network.ts';
import { hostEnds } from './links.ts';
import { Netns } from './netns.ts';
import type { AttachmentRecord } from './record.ts';

/** `$1` is the interface. A line each, whatever fails. */
const SHOW =
  'ip -json -N address show dev "$1" || echo; ip -json -N -4 route show || echo; ip -json -N -6 route show || echo';

const LINKS = z.array(
  z.object({
    address: z.string(),
    mtu: z.int(),
    flags: z.array(z.string()),
    addr_info: z.array(z.object({ local: z.string().optional(), prefixlen: z.int().optional() })),
  }),
);
const ROUTES = z.array(z.object({ dst: z.string(), gateway: z.string().optional() }));
type Link = z.infer<typeof LINKS>[number];
type Route = z.infer<typeof ROUTES>[number];

/**
 * @param network That it is in; undefined where there is none any more.
 * @returns one sentence for each difference; none when all is well. Rules are not looked at.
 * @throws {AttachError} when it can't be looked at.
 */
export async function attachmentDifferences(
  request: Attach,
  record: AttachmentRecord,
  network: ContainerNetwork | undefined,
): Promise<string[]> {
  return [...(await hostDifferences(record, network)), ...(await containerDifferences(request, record))];
}

async function hostDifferences(
  record: AttachmentRecord,
  network: ContainerNetwork | undefined,
): Promise<string[]> {
  const { hostInterface, port } = record;
  if (network === undefined) return [`there is no network ${record.network.name} any more`];
  if (!hostEnds().has(hostInterface.name)) return [`${hostInterface.name} is not there`];
  if (port === null || network.switch === null) return [];
  const id = network.switch.portId(port);
  if (id === undefined) return [`the network has no port ${port}`];
  const ports = (await network.switch.read())?.ports ?? [];
  const isOpen = ports.some((each) => each.id === id && !each.isClosed);
  return isOpen ? [] : [`port ${port} of the network is down`];
}

async function containerDifferences(request: Attach, record: AttachmentRecord): Promise<string[]> {
  const { ifname } = request;
  try {
    const netns = Netns.open(request.netns);
    try {
      if (netns.id !== record.netnsId)
        return [`${request.netns} is another namespace than the one it was added in`];
      const { stdout } = await netns.run(['sh', '-c', SHOW, 'sh', ifname]);
      const [links = '', ...routes] = stdout.split('\n');
      const [link] = LINKS.safeParse(parse(links)).data ?? [];
      if (link === undefined) return [`the container has no interface ${ifname}`];
      const found = routes.flatMap((line) => ROUTES.safeParse(parse(line)).data ?? []);
      return [...linkDifferences(request, record, link), ...routeDifferences(request, found)];
    } finally {
      netns.close();
    }
  } catch (error) {
    if (error instanceof AttachError) return [error.message];
    throw error;
  }
}

/** Later plugins may have added addresses. */
function linkDifferences(
  { ips, mac, ifname }: Attach,
  { containerInterface }: AttachmentRecord,
  link: Link,
): string[] {
  const wantedMac = mac ?? containerInterface.mac;
  const has = (cidr: string) =>
    link.addr_info.some(
      ({ local, prefixlen }) =>
        local !== undefined && sameAddress(local, cidr) && prefixlen === lengthOf(cidr),
    );
  return [
    ...(link.flags.includes('UP') ? [] : [`${ifname} is down`]),
    ...(link.address === wantedMac
      ? []
      : [`${ifname} has the MAC address ${link.address}, not ${wantedMac}`]),
    ...(link.mtu === containerInterface.mtu
      ? []
      : [`${ifname} has MTU ${link.mtu}, not ${containerInterface.mtu}`]),
    ...ips
      .filter(({ address }) => !has(address))
      .map(({ address }) => `${ifname} lacks the address ${address}`),
  ];
}

function routeDifferences({ routes }: Attach, found: readonly Route[]): string[] {
  return routes
    .filter(({ dst, gw }) => !found.some((route) => isRoute(route, dst, gw)))
    .map(({ dst, gw }) => `no route to ${dst}${gw === undefined ? '' : ` by ${gw}`}`);
}

/** iproute2 leaves the length of single addresses out, and has a word for everywhere. */
function isRoute({ dst, gateway }: Route, wanted: string, gw: string | undefined): boolean {
  const network = networkOf(wanted);
  const family = familyOf(wanted);
  const length = lengthOf(network);
  const isSame =
    dst === 'default'
      ? length === 0 && (gateway === undefined || familyOf(gateway) === family)
      : familyOf(dst) === family &&
        networkOf(dst.includes('/') ? dst : `${dst}/${family === 4 ? 32 : 128}`) === network;
  return isSame && (gw === undefined || (gateway !== undefined && sameAddress(gateway, gw)));
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return [];
  }
}
