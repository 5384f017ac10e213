/**
 * A VXLAN endpoint's UDP socket, which the tunnels of several VNIs share.
 *
 * Frames leave from the port that it listens on. RFC 7348 §5 would have the source port vary with
 * the inner flow, so that routers spread flows over equal paths; a bound socket has one port, and
 * so would any other one have. In return the flow is the same in both directions, as firewalls
 * that track connections like it.
 *
 * Frames leave with a UDP checksum. RFC 7348 §5 would have it 0 over IPv4, for hardware that could
 * not make it; today devices do, the kernel cuts merged messages only with it, it guards the
 * inner frame, and Linux's own VXLAN sends it too. Over IPv6 a 0 is allowed only to tunnels that meet RFC 6936
 * (RFC 6935 §5). A received 0 is taken in both families, as RFC 7348 asks.
 *
 * The don't-fragment bit is not set, as with Linux's `df unset`: what exceeds the path is fragmented.
 * A Linux VTEP behind veth hands over frames that were not cut, up to 64 KB; `ethtool -K DEVICE
 * tx-udp_tnl-segmentation off tx-udp_tnl-csum-segmentation off` at its end of the veth makes it cut them.
 *
 * @see udp(7), ip(7), ipv6(7)
 */
import { addressOf, bind, close, Errno, ioctl, SystemCallError, setsockopt, socket } from '../io/libc.ts';
import { SOL_SOCKET, setBuffers, setOption } from '../io/socket-option.ts';
import { AF_INET, AF_INET6, parseEndpoint, writeSockaddr } from '../wire/endpoint.ts';
import { parseIp } from '../wire/ip-text.ts';
import { BUFFER_LEN, boundPort, setFragmentation } from './udp-socket.ts';
import { isGroup } from './vxlan-address.ts';
import { VxlanError } from './vxlan-error.ts';

const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0x800;
const SOCK_CLOEXEC = 0x80000;
const SO_BINDTODEVICE = 25;
const SOL_UDP = 17;
const UDP_NO_CHECK6_RX = 102;
const UDP_GRO = 104;
const SIOCGIFINDEX = 0x8933;
/** struct ifreq: 16 bytes of name, then the index. */
const IFREQ_LEN = 40;
const IFREQ_INDEX_AT = 16;
const MAX_NAME_LEN = 15;

/** The same multicast options under their numbers of either family. `all`: groups that others joined too. */
interface GroupOptions {
  readonly level: number;
  readonly ttl: number;
  readonly loop: number;
  readonly join: number;
  readonly leave: number;
  readonly all: number;
}
const GROUP_OPTIONS_4: GroupOptions = { level: 0, ttl: 33, loop: 34, join: 35, leave: 36, all: 49 };
const GROUP_OPTIONS_6: GroupOptions = { level: 41, ttl: 18, loop: 19, join: 20, leave: 21, all: 29 };

export interface VxlanSocketOptions {
  /** Address to bind, '::' for both families. */
  readonly listen: string;
  /** UDP port; 0 lets the kernel choose. */
  readonly port: number;
  /** Interface that everything passes through; null for the one that the routes say. */
  readonly device: string | null;
  /** Routers that frames to a group may pass, 1 to 255. */
  readonly groupTtl: number;
}

/** Plain data: opened by the main thread, which also closes `fd`, and used by one worker. */
export interface VxlanSocket {
  readonly fd: number;
  readonly family: typeof AF_INET | typeof AF_INET6;
  /** Whether it listens on all addresses; only then groups reach it. */
  readonly isWildcard: boolean;
  readonly port: number;
  /** Index of the device, 0 for any. */
  readonly deviceIndex: number;
}

/**
 * Opens a socket that no other one shares the port with.
 *
 * @throws {SystemCallError} naming the device, or address and port.
 */
export function openVxlanSocket(options: VxlanSocketOptions): VxlanSocket {
  const { listen, device } = options;
  const family = listen.includes(':') ? AF_INET6 : AF_INET;
  const fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) throw new SystemCallError('open a UDP socket for VXLAN');
  try {
    setBuffers(fd, BUFFER_LEN, BUFFER_LEN);
    setFragmentation(fd, family, true);
    setOption(fd, SOL_UDP, UDP_GRO, 1);
    setGroupOptions(fd, family, options.groupTtl);
    // Before it is bound: sockets on different devices may have the same port.
    const deviceIndex = device === null ? 0 : useDevice(fd, device);
    bindTo(fd, family, listen, options.port);
    const isWildcard = parseIp(listen)?.words.every((word) => word === 0) ?? false;
    return { fd, family, isWildcard, port: boundPort(fd), deviceIndex };
  } catch (error) {
    close(fd);
    throw error;
  }
}

/**
 * Lets a socket receive what is sent to a multicast group. One membership, however often it is
 * joined: leave it when the last tunnel that uses it is gone.
 *
 * @throws {VxlanError} ERR_ICX_VXLAN_GROUP for an address that is no group of the socket's family,
 *   and for a socket that listens on one address: the kernel gives it nothing that is sent to others.
 * @throws {SystemCallError} naming the group: no route to it (ENODEV), too many memberships (ENOBUFS).
 */
export function joinGroup(socket: VxlanSocket, group: string): void {
  if (!socket.isWildcard) {
    throw new VxlanError(
      'ERR_ICX_VXLAN_GROUP',
      `Cannot receive multicast group ${group} on a socket that listens on one address`,
      'listen on 0.0.0.0 or ::, and name the device instead',
    );
  }
  if (changeMembership(socket, group, 'join')) return;
  const error = new SystemCallError(`join multicast group ${group}`);
  if (error.errno !== Errno.EADDRINUSE) throw error;
}

/** Ends what `joinGroup` began. @throws {SystemCallError} for a group that was not joined. */
export function leaveGroup(socket: VxlanSocket, group: string): void {
  if (!changeMembership(socket, group, 'leave')) throw new SystemCallError(`leave multicast group ${group}`);
}

function changeMembership(socket: VxlanSocket, group: string, change: 'join' | 'leave'): boolean {
  const ip = parseIp(group);
  if (ip === null || !isGroup(ip) || (ip.family === 6 && socket.family === AF_INET)) {
    throw new VxlanError(
      'ERR_ICX_VXLAN_GROUP',
      `Cannot use multicast group '${group}'`,
      socket.family === AF_INET ? 'expected 224.0.0.0 to 239.255.255.255' : 'expected an address of ff00::/8',
    );
  }
  // struct ip_mreqn: group, local address, index. struct ipv6_mreq: group, index.
  const request = Buffer.alloc(128);
  const addressLen = ip.family === 4 ? 4 : 16;
  for (let i = 0; i < addressLen / 4; i++) request.writeUInt32BE(ip.words[i] ?? 0, i * 4);
  const indexAt = ip.family === 4 ? 8 : 16;
  request.writeInt32LE(socket.deviceIndex, indexAt);
  const options = ip.family === 4 ? GROUP_OPTIONS_4 : GROUP_OPTIONS_6;
  return setsockopt(socket.fd, options.level, options[change], addressOf(request), indexAt + 4) === 0;
}

function setGroupOptions(fd: number, family: number, ttl: number): void {
  if (family === AF_INET6) {
    setOption(fd, SOL_UDP, UDP_NO_CHECK6_RX, 1);
    setFamilyGroupOptions(fd, GROUP_OPTIONS_6, ttl);
  }
  // A dual-stack socket sends IPv4 too, and obeys the IPv4 options then.
  setFamilyGroupOptions(fd, GROUP_OPTIONS_4, ttl);
}

function setFamilyGroupOptions(fd: number, { level, ...option }: GroupOptions, ttl: number): void {
  setOption(fd, level, option.ttl, ttl);
  setOption(fd, level, option.loop, 0);
  setOption(fd, level, option.all, 0);
}

/** @returns The device's index. */
function useDevice(fd: number, device: string): number {
  const ifreq = Buffer.alloc(IFREQ_LEN * 4);
  ifreq.write(device.slice(0, MAX_NAME_LEN), 'latin1');
  if (ioctl(fd, SIOCGIFINDEX, addressOf(ifreq)) < 0)
    throw new SystemCallError(`find the interface ${device}`);
  const index = ifreq.readInt32LE(IFREQ_INDEX_AT);
  ifreq.fill(0, IFREQ_INDEX_AT);
  if (setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, addressOf(ifreq), IFREQ_INDEX_AT) < 0) {
    throw new SystemCallError(`bind VXLAN to the interface ${device}`);
  }
  return index;
}

function bindTo(fd: number, family: number, listen: string, port: number): void {
  const bytes = Buffer.alloc(128);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const words = parseEndpoint({ address: listen, port: port || 1 });
  words[4] = port << 16;
  if (bind(fd, addressOf(bytes), writeSockaddr(view, 0, words, family)) === 0) return;
  const error = new SystemCallError(`bind VXLAN to ${listen} UDP port ${port}`);
  if (error.errno === Errno.EADDRINUSE) error.message += '; does a VXLAN interface or another agent have it?';
  throw error;
}
