/** Addresses that a VXLAN tunnel sends to: VTEPs and multicast groups, as operators write them. */
import { AF_INET, type EndpointText, parseEndpoint } from '../wire/endpoint.ts';
import { type IpAddress, isMappedV4, parseIp } from '../wire/ip-text.ts';
import { VxlanError } from './vxlan-error.ts';

const IPV4_GROUPS = 0xe;
const IPV6_GROUPS = 0xff;

/** What an address has to suit. */
export interface AddressedSocket {
  readonly family: number;
  readonly isWildcard: boolean;
}

/** Whether an address is a multicast group. @see RFC 5771 §3, RFC 4291 §2.7 */
export function isGroup(ip: IpAddress): boolean {
  return ip.family === 4 ? ip.words[0] >>> 28 === IPV4_GROUPS : ip.words[0] >>> 24 === IPV6_GROUPS;
}

/**
 * Endpoint record of a VTEP, as five words.
 *
 * @throws {VxlanError} ERR_ICX_VXLAN_REMOTE for what is no host's address or no address of the socket's family.
 * @throws {RangeError} for what is no port.
 */
export function parseVtep(vtep: EndpointText, socket: AddressedSocket): Uint32Array {
  const ip = parseIp(vtep.address);
  if (ip === null || isGroup(ip) || ip.words.every((word) => word === 0)) {
    throw new VxlanError(
      'ERR_ICX_VXLAN_REMOTE',
      `Cannot use remote '${vtep.address}'`,
      "expected a host's IP address",
    );
  }
  return parseFor(vtep, socket, 'ERR_ICX_VXLAN_REMOTE');
}

/** As `parseVtep` for a group. @throws {VxlanError} ERR_ICX_VXLAN_GROUP */
export function parseGroup(group: EndpointText, socket: AddressedSocket): Uint32Array {
  const ip = parseIp(group.address);
  if (ip === null || !isGroup(ip)) {
    throw new VxlanError(
      'ERR_ICX_VXLAN_GROUP',
      `Cannot use multicast group '${group.address}'`,
      'expected 224.0.0.0 to 239.255.255.255, or an address of ff00::/8',
    );
  }
  return parseFor(group, socket, 'ERR_ICX_VXLAN_GROUP');
}

function parseFor(
  endpoint: EndpointText,
  { family, isWildcard }: AddressedSocket,
  code: 'ERR_ICX_VXLAN_REMOTE' | 'ERR_ICX_VXLAN_GROUP',
): Uint32Array {
  const words = parseEndpoint(endpoint);
  const [a = 0, b = 0, c = 0, d = 0] = words;
  const isV4 = isMappedV4([a, b, c, d]);
  if (family === AF_INET ? isV4 : !isV4 || isWildcard) return words;
  throw new VxlanError(
    code,
    `Cannot reach ${endpoint.address} from a socket of the other IP version`,
    'listen on :: for both, or on an address of the same version',
  );
}
