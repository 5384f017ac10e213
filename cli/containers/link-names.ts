/** Names and MAC addresses of a container's interface and of its other end on the host. */
import { createHash, randomBytes } from 'node:crypto';
import type { AttachmentKey } from '../../cni/attach-api.ts';
import { parsePrefix } from '../../dataplane/route/prefix.ts';

const PREFIX = 'icx';
const DIGITS = 11;
const HOST_END = new RegExp(`^${PREFIX}[0-9a-f]{${DIGITS}}$`);
/** Of what Docker calls a short id. */
const SHORT_ID_LEN = 12;

/** Name of the host's end: the same for the same attachment, so that what a killed agent left is found again. */
export function hostEndName(key: AttachmentKey): string {
  return `${PREFIX}${digest(key).toString('hex').slice(0, DIGITS)}`;
}

export function isHostEnd(device: string): boolean {
  return HOST_END.test(device);
}

/** Name of the port of the switch, for people; not unique where ids begin alike. */
export function portLabel({ containerId, ifname }: AttachmentKey): string {
  return `${containerId.slice(0, SHORT_ID_LEN)}-${ifname}`;
}

/**
 * MAC address for the host's end; given explicitly, so that udev gives it no other. No container can guess
 * it: in L2 what it sends there would reach the host's stack.
 */
export function hostEndMac(): string {
  return localMac(randomBytes(6));
}

/**
 * MAC address for a container: that of its first IPv4 address, so that a container that comes back with
 * the address is the station that its neighbours remember; else a random one.
 */
export function containerMac(ips: readonly string[]): string {
  const address = ips.find((ip) => !ip.includes(':'))?.split('/', 1)[0];
  if (address === undefined) return localMac(randomBytes(6));
  const bytes = Buffer.from([0x02, 0x42, 0, 0, 0, 0]);
  bytes.writeUInt32BE(parsePrefix(address).words[0] >>> 0, 2);
  return macText(bytes);
}

function digest({ containerId, ifname, confName }: AttachmentKey): Buffer {
  return createHash('sha256').update([containerId, ifname, confName].join('\0')).digest();
}

/** @see IEEE 802 §8.4: locally administered, one station */
function localMac(bytes: Uint8Array): string {
  const [first = 0, ...rest] = bytes;
  return macText([(first & 0xfc) | 0x02, ...rest]);
}

function macText(bytes: Iterable<number>): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
}
