/**
 * The underlay's UDP sockets: one per queue on the same port.
 *
 * The sockets form a reuseport group, and a classic BPF program on it gives each datagram to
 * the queue that owns its SPI, so that one worker owns a lane's replay window.
 *
 * @see udp(7), socket(7) SO_REUSEPORT, SO_ATTACH_REUSEPORT_CBPF
 */
import {
  addressOf,
  bind,
  close,
  Errno,
  getsockname,
  SystemCallError,
  setsockopt,
  socket,
} from '../io/libc.ts';
import { SOL_SOCKET, setBuffers, setOption } from '../io/socket-option.ts';
import { AF_INET, AF_INET6, parseEndpoint, SOCKADDR_IN6_LEN, writeSockaddr } from '../wire/endpoint.ts';

const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0x800;
const SOCK_CLOEXEC = 0x80000;
const SO_REUSEPORT = 15;
const SO_ATTACH_REUSEPORT_CBPF = 51;
const IPPROTO_IP = 0;
const IP_MTU_DISCOVER = 10;
const IPPROTO_IPV6 = 41;
const IPV6_MTU_DISCOVER = 23;
const IPV6_V6ONLY = 26;
/** Path MTU discovery: never set DF / always set DF and refuse what is larger. */
const PMTUDISC_DONT = 0;
const PMTUDISC_DO = 2;
const SOL_UDP = 17;
const UDP_GRO = 104;

export const BUFFER_LEN = 8 << 20;

export interface UdpSocketOptions {
  /** Address to bind, '::' for both families. */
  readonly listen: string;
  /** UDP port; 0 lets the kernel choose. */
  readonly port: number;
  /** Whether to join the sockets that {@link sharePort} was called for. */
  readonly joinPort: boolean;
  /** Whether packets larger than the path may be fragmented instead of refused. */
  readonly fragment: boolean;
}

export interface UdpSocket {
  readonly fd: number;
  readonly family: typeof AF_INET | typeof AF_INET6;
  /** Whether received datagrams may come merged (UDP_GRO, Linux 5.0). */
  readonly gro: boolean;
}

/** @throws {SystemCallError} naming address and port. */
export function openUdpSocket(options: UdpSocketOptions): UdpSocket {
  const family = options.listen.includes(':') ? AF_INET6 : AF_INET;
  const fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) throw new SystemCallError('open a UDP socket');
  try {
    if (options.joinPort) sharePort(fd);
    setBuffers(fd, BUFFER_LEN, BUFFER_LEN);
    setFragmentation(fd, family, options.fragment);
    const gro = setOption(fd, SOL_UDP, UDP_GRO, 1);
    bindTo(fd, family, options);
    return { fd, family, gro };
  } catch (error) {
    close(fd);
    throw error;
  }
}

/** The port that a bound socket has. @throws {SystemCallError} */
export function boundPort(fd: number): number {
  // struct sockaddr_in and sockaddr_in6 have the port at the same place.
  const bytes = Buffer.alloc(128);
  const length = Buffer.alloc(128);
  length.writeUInt32LE(SOCKADDR_IN6_LEN);
  if (getsockname(fd, addressOf(bytes), addressOf(length)) < 0) throw new SystemCallError('read a UDP port');
  return bytes.readUInt16BE(2);
}

/**
 * Lets other sockets of this user have the port too.
 *
 * Called for the first socket once it is bound, not before: a port that another process has, even
 * another agent that shares it between its own queues, is refused then.
 *
 * @throws {SystemCallError}
 */
export function sharePort(fd: number): void {
  require(fd, SOL_SOCKET, SO_REUSEPORT, 1, 'share the UDP port between queues');
}

/** Lets packets larger than the path be fragmented, or refuses them with EMSGSIZE. */
export function setFragmentation(fd: number, family: number, fragment: boolean): void {
  const discover = fragment ? PMTUDISC_DONT : PMTUDISC_DO;
  if (family === AF_INET6) {
    setOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
    setOption(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, discover);
  }
  // A dual-stack socket sends IPv4 too, and obeys the IPv4 option then.
  setOption(fd, IPPROTO_IP, IP_MTU_DISCOVER, discover);
}

function bindTo(fd: number, family: number, options: UdpSocketOptions): void {
  const bytes = Buffer.alloc(128);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const words = parseEndpoint({ address: options.listen, port: options.port || 1 });
  words[4] = options.port << 16;
  const len = writeSockaddr(view, 0, words, family);
  if (bind(fd, addressOf(bytes), len) < 0) {
    const error = new SystemCallError(`bind UDP ${options.listen} port ${options.port}`);
    if (error.errno === Errno.EADDRINUSE) error.message += '; is another agent running, or set listen_port';
    throw error;
  }
}

function require(fd: number, level: number, option: number, value: number, attempt: string): void {
  if (!setOption(fd, level, option, value)) throw new SystemCallError(attempt);
}

/** Queue that receives an SPI: the bits below master-key index and role, modulo the queues. */
const SPI_COUNTER_MASK = 0x3fffffff;

/**
 * Makes the kernel give each datagram to socket number `(SPI & 0x3fffffff) % queues` of the
 * group, in the order the sockets were bound. Datagrams too short for an SPI go to socket 0.
 *
 * @param fd Any socket of the group.
 * @throws {SystemCallError}
 */
export function steerBySpi(fd: number, queues: number): void {
  const program = Buffer.alloc(128);
  const instructions: readonly (readonly [code: number, k: number])[] = [
    [0x20, 12], // ld [12]: the SPI, from the start of the UDP payload
    [0x54, SPI_COUNTER_MASK], // and
    [0x94, queues], // mod
    [0x16, 0], // ret A
  ];
  instructions.forEach(([code, k], i) => {
    program.writeUInt16LE(code, i * 8);
    program.writeUInt32LE(k, i * 8 + 4);
  });
  const filter = Buffer.alloc(128);
  filter.writeUInt16LE(instructions.length, 0);
  filter.writeBigUInt64LE(BigInt(addressOf(program)), 8);
  if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, addressOf(filter), 16) < 0) {
    throw new SystemCallError('steer datagrams to queues by SPI');
  }
}
