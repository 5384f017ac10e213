/** What a runtime asks of single containers: the capabilities portMappings, ips and mac. */
import { parseIp } from '../dataplane/wire/ip-text.ts';
import type { PortMapping } from './attach-api.ts';
import { CniCode, CniError } from './cni-error.ts';
import { type Fields, invalid, isCidr } from './fields.ts';

export interface RuntimeConfig {
  readonly portMappings: readonly PortMapping[];
  /** Addresses, with or without prefix length. */
  readonly ips: readonly string[];
  /** Lower case. */
  readonly mac: string | undefined;
}

export const NO_CAPABILITIES: RuntimeConfig = { portMappings: [], ips: [], mac: undefined };

/** Other capabilities are not declared, so a conforming runtime sends none. */
const KNOWN_KEYS: ReadonlySet<string> = new Set(['portMappings', 'ips', 'mac']);
const PROTOCOLS = ['tcp', 'udp', 'sctp'] as const;
const MAX_PORT = 65_535;

/** @throws {CniError} 2 or 7 @see CNI conventions, "Dynamic Plugin specific fields" */
export function readRuntimeConfig(fields: Fields): RuntimeConfig {
  fields.refuseOthers(KNOWN_KEYS);
  return {
    portMappings: fields.objects('portMappings', readPortMapping).filter((mapping) => mapping !== null),
    ips: fields.array('ips', requestedIp),
    mac: readMac(fields.string('mac'), `${fields.path}.mac`),
  };
}

/** @returns null for host port 0, by which runtimes say that a port is not published. */
function readPortMapping(fields: Fields): PortMapping | null {
  const hostPort = fields.required('hostPort', fields.integer('hostPort', 0, MAX_PORT));
  const containerPort = fields.required('containerPort', fields.integer('containerPort', 1, MAX_PORT));
  const text = fields.string('protocol') ?? 'tcp';
  const protocol = PROTOCOLS.find((candidate) => candidate === text.toLowerCase());
  if (protocol === undefined) throw invalid(`${fields.path}.protocol`, text, 'tcp, udp or sctp');
  const hostIP = fields.string('hostIP') === '' ? undefined : fields.ip('hostIP');
  if (hostPort === 0) return null;
  return { hostPort, containerPort, protocol, ...(hostIP === undefined ? {} : { hostIP }) };
}

/** An address that was asked for by name: "10.1.0.5", "10.1.0.5/16". @throws {CniError} 7 */
export function requestedIp(value: unknown, path: string): string {
  if (typeof value === 'string' && (parseIp(value) !== null || isCidr(value))) return value;
  throw invalid(path, value, 'an IP address');
}

/** @throws {CniError} 7 when no station can have it. @see IEEE 802 §8.2 */
export function readMac(text: string | undefined, path: string): string | undefined {
  if (text === undefined || text === '') return undefined;
  const mac = text.toLowerCase().replaceAll('-', ':');
  const isStation = /^[0-9a-f][02468ace](:[0-9a-f]{2}){5}$/.test(mac) && mac !== '00:00:00:00:00:00';
  if (isStation) return mac;
  throw invalid(path, text, 'the MAC address of a station, such as 02:42:ac:11:00:02');
}

/**
 * Published ports that the container can't serve, or publishes twice itself.
 *
 * @throws {CniError} 7
 */
export function checkPortMappings(mappings: readonly PortMapping[], addresses: readonly string[]): void {
  const has = (v6: boolean) => addresses.some((address) => address.includes(':') === v6);
  const seen = new Set<string>();
  for (const { hostPort, protocol, hostIP } of mappings) {
    const place = `${hostIP === undefined ? '' : `${hostIP} `}${protocol} port ${hostPort}`;
    if (addresses.length === 0 || (hostIP !== undefined && !has(hostIP.includes(':')))) {
      const details = 'its network gives it none: see ipam';
      throw new CniError(
        CniCode.invalidConfig,
        `cannot publish ${place}: the container has no address of that family`,
        details,
      );
    }
    if (hostIP !== undefined && isLoopback(hostIP)) {
      const details = 'publish on an address of the host, or on all';
      throw new CniError(CniCode.invalidConfig, `cannot publish ${place}: it is a loopback address`, details);
    }
    if (seen.has(place)) throw new CniError(CniCode.invalidConfig, `${place} is published twice`);
    seen.add(place);
  }
}

/** What netfilter.ts leaves alone, and why. */
function isLoopback(ip: string): boolean {
  return ip.startsWith('127.') || ip === '::1';
}
