/** Finds the MTU of the overlay: what the underlay's routes to the peers carry, less the overhead. */
import { isIPv6 } from 'node:net';
import { z } from 'zod';
import { ipJsonBatch } from './ip.ts';

/** Geneve with options 32, tag 16, UDP 8, and the IP header. @see RFC 8926 §3.4 */
const OVERHEAD_LEN = { 4: 32 + 16 + 8 + 20, 6: 32 + 16 + 8 + 40 } as const;
/** For an underlay of 1500: IPv6 outer, rounded down to a multiple of 16. */
const UNKNOWN_MTU = 1_392;
/** What IPv6 asks of every link. @see RFC 8200 §5 */
const MIN_MTU_IPV6 = 1_280;
/** What IPv4 hosts can be expected to take. @see RFC 1122 §3.3.3 */
const MIN_MTU_IPV4 = 576;
/** An IPv4 packet's total length is 16 bits; loopback claims one more. */
const MAX_PACKET_LEN = 65_535;

/** The underlay towards one peer. */
export interface UnderlayRoute {
  readonly address: string;
  /** Largest outer packet in bytes; null where there is no route. */
  readonly mtuBytes: number | null;
}

export interface OverlayMtu {
  readonly mtuBytes: number;
  /** Whether sealed packets may exceed the underlay's MTU, so that IP must fragment them. */
  readonly fragment: boolean;
  /** Where the number comes from, for log and status. */
  readonly reason: string;
}

const Routes = z.array(
  z.object({
    dev: z.string().optional(),
    metrics: z.array(z.object({ mtu: z.number().optional() })).optional(),
  }),
);
const Links = z.array(z.object({ ifname: z.string(), mtu: z.number() }));

/**
 * Asks the kernel for the routes that sealed packets take: the route's own MTU (configured, or
 * learned by path MTU discovery) or that of its device.
 *
 * @param addresses IPv4 and IPv6, with a zone where they need one.
 * @param dataPort  Our source port: rules may route it apart from the rest.
 * @param ownDevices The overlay's interfaces, which are never the underlay.
 * @returns One for each address, in order.
 * @throws {IpError} when iproute2 itself is missing; a peer without route is no error.
 */
export async function underlayRoutes(
  addresses: readonly string[],
  dataPort: number,
  ownDevices: readonly string[],
): Promise<UnderlayRoute[]> {
  if (addresses.length === 0) return [];
  const questions = addresses.map((address) => {
    const [host = '', zone] = address.split('%');
    return `route get ${host}${zone === undefined ? '' : ` oif ${zone}`} ipproto udp sport ${dataPort}`;
  });
  const [links, ...answers] = await ipJsonBatch(['link show', ...questions]);
  const mtuByDevice = new Map(Links.parse(links ?? []).map(({ ifname, mtu }) => [ifname, mtu]));
  return addresses.map((address, index) => {
    const [route] = Routes.parse(answers[index] ?? []);
    if (route?.dev === undefined || ownDevices.includes(route.dev)) return { address, mtuBytes: null };
    const learned = route.metrics?.find((metric) => metric.mtu !== undefined)?.mtu;
    return { address, mtuBytes: smaller(learned, mtuByDevice.get(route.dev)) };
  });
}

/**
 * MTU of the overlay interface.
 *
 * @param setting  `mtu` of the config.
 * @param underlay Routes to the peers whose address is known.
 * @param hasIpv6  Whether the interface carries IPv6, whose minimum then holds.
 * @param headerLen What is sealed in front of each packet, in bytes.
 */
export function overlayMtu(
  setting: number | 'auto',
  underlay: readonly UnderlayRoute[],
  hasIpv6: boolean,
  headerLen = 0,
): OverlayMtu {
  const fits = narrowest(underlay, headerLen);
  const minimum = hasIpv6 ? MIN_MTU_IPV6 : MIN_MTU_IPV4;
  if (setting !== 'auto') {
    const fragment = fits !== null && setting > fits.innerBytes;
    return {
      mtuBytes: setting,
      fragment,
      reason: fragment ? `configured; ${tooNarrow(fits)}` : 'configured',
    };
  }
  if (fits === null) {
    return { mtuBytes: UNKNOWN_MTU - headerLen, fragment: false, reason: 'no route to a peer known yet' };
  }
  if (fits.innerBytes < minimum) {
    const reason = `the least that ${hasIpv6 ? 'IPv6' : 'IPv4'} allows; ${tooNarrow(fits)}`;
    return { mtuBytes: minimum, fragment: true, reason };
  }
  const reason = `route to ${fits.address} carries ${fits.outerBytes} bytes`;
  return { mtuBytes: fits.innerBytes, fragment: false, reason };
}

interface Fit {
  readonly address: string;
  readonly outerBytes: number;
  readonly innerBytes: number;
}

function tooNarrow(fit: Fit): string {
  return `route to ${fit.address} carries ${fit.outerBytes} bytes, so sealed packets are fragmented`;
}

function narrowest(underlay: readonly UnderlayRoute[], headerLen: number): Fit | null {
  let best: Fit | null = null;
  for (const { address, mtuBytes } of underlay) {
    if (mtuBytes === null) continue;
    const innerBytes = innerMtu(address, mtuBytes) - headerLen;
    if (best === null || innerBytes < best.innerBytes) best = { address, outerBytes: mtuBytes, innerBytes };
  }
  return best;
}

/** Largest inner packet in an outer packet of `outerBytes` to `address`. */
export function innerMtu(address: string, outerBytes: number): number {
  const overheadLen = isIPv6(address.replace(/%.*$/, '')) ? OVERHEAD_LEN[6] : OVERHEAD_LEN[4];
  return Math.min(outerBytes, MAX_PACKET_LEN) - overheadLen;
}

function smaller(a: number | undefined, b: number | undefined): number | null {
  const known = [a, b].filter((mtu) => mtu !== undefined);
  return known.length === 0 ? null : Math.min(...known);
}
