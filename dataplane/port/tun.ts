/**
 * A TUN or TAP device: inner IP packets or Ethernet frames between the kernel and the engine.
 *
 * `openTun` and `openTap` run on the main thread and make one descriptor per queue; each worker
 * wraps its descriptor in a `TunQueue`. The device is not persistent: the kernel removes it when
 * the last descriptor closes, whatever ended the process.
 *
 * @see Documentation/networking/tuntap.rst, include/uapi/linux/if_tun.h
 */
import type { Arena } from '../io/arena.ts';
import { addressOf, close, Errno, errno, ioctl, open, read, SystemCallError, write } from '../io/libc.ts';
import { HEADER_LEN as VNET_HDR_LEN, writePlain } from '../wire/virtio-net.ts';

const O_RDWR = 0x2;
const O_NONBLOCK = 0x800;
const O_CLOEXEC = 0x80000;
const TUNSETIFF = 0x400454ca;
const TUNSETOFFLOAD = 0x400454d0;
const IFF_TUN = 0x0001;
const IFF_TAP = 0x0002;
const IFF_MULTI_QUEUE = 0x0100;
const IFF_NO_PI = 0x1000;
const IFF_VNET_HDR = 0x4000;
/** Refuse a device that exists: else a second agent would take packets from the first one's. */
const IFF_TUN_EXCL = 0x8000;
/** struct ifreq: 16 bytes of name, then the flags. */
const IFREQ_LEN = 40;
const IFREQ_FLAGS_AT = 16;
const TUN_F_CSUM = 0x01;
const TUN_F_TSO4 = 0x02;
const TUN_F_TSO6 = 0x04;
const TUN_F_TSO_ECN = 0x08;
const TUN_F_USO4 = 0x20;
const TUN_F_USO6 = 0x40;
const TCP_OFFLOADS = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
const UDP_OFFLOADS = TUN_F_USO4 | TUN_F_USO6;

/** Longest packet a read can return: an IP packet of 65,535 bytes. */
export const MAX_PACKET_LEN = 65_535;
/** Longest frame: the same behind an Ethernet header with two VLAN tags. */
export const MAX_FRAME_LEN = MAX_PACKET_LEN + 22;

/** Which packets the kernel hands over, and takes, as super-packets. */
export interface TunOffloads {
  readonly tcp: boolean;
  /** Since Linux 6.2. */
  readonly udp: boolean;
}

const ALL_OFFLOADS: TunOffloads = { tcp: true, udp: true };

/** Best first; the last works everywhere. */
const OFFLOADS: readonly { readonly flags: number; readonly offloads: TunOffloads }[] = [
  { flags: TCP_OFFLOADS | UDP_OFFLOADS, offloads: { tcp: true, udp: true } },
  { flags: TCP_OFFLOADS, offloads: { tcp: true, udp: false } },
  { flags: 0, offloads: { tcp: false, udp: false } },
];

/** A TUN or TAP device. */
export interface TunDevice {
  /** The interface's real name. */
  readonly name: string;
  readonly offloads: TunOffloads;
  /** One descriptor per queue; the owner closes them. */
  readonly fds: readonly number[];
}

/** What the interface carries. */
type Kind = 'TUN' | 'TAP';

/**
 * Creates a TUN device with `queues` queues.
 *
 * @param wanted Offloads to switch on; those that the kernel lacks stay off.
 * @throws {SystemCallError} when an interface has the name, /dev/net/tun is missing or CAP_NET_ADMIN is.
 */
export function openTun(name: string, queues: number, wanted: TunOffloads = ALL_OFFLOADS): TunDevice {
  return openDevice('TUN', name, queues, wanted);
}

/** As {@link openTun}, for Ethernet frames: a TAP device. Its MAC address is the kernel's choice. */
export function openTap(name: string, queues: number, wanted: TunOffloads = ALL_OFFLOADS): TunDevice {
  return openDevice('TAP', name, queues, wanted);
}

function openDevice(kind: Kind, name: string, queues: number, wanted: TunOffloads): TunDevice {
  const mode = kind === 'TUN' ? IFF_TUN : IFF_TAP;
  const flags = mode | IFF_NO_PI | IFF_VNET_HDR | (queues > 1 ? IFF_MULTI_QUEUE : 0);
  const fds: number[] = [];
  try {
    for (let queue = 0; queue < queues; queue++) {
      fds.push(openQueue(kind, name, queue === 0 ? flags | IFF_TUN_EXCL : flags));
    }
    return { name, fds, offloads: setOffloads(kind, name, fds, wanted) };
  } catch (error) {
    for (const fd of fds) close(fd);
    throw error;
  }
}

/** Switches on what is wanted and the kernel has. */
function setOffloads(kind: Kind, name: string, fds: readonly number[], wanted: TunOffloads): TunOffloads {
  for (const { flags, offloads } of OFFLOADS) {
    if ((offloads.tcp && !wanted.tcp) || (offloads.udp && !wanted.udp)) continue;
    if (fds.every((fd) => ioctl(fd, TUNSETOFFLOAD, flags) >= 0)) return offloads;
  }
  throw new SystemCallError(`set the offloads of the ${kind} interface ${name}`);
}

function openQueue(kind: Kind, name: string, flags: number): number {
  const fd = open('/dev/net/tun', O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) throw new SystemCallError('open /dev/net/tun');
  const ifreq = Buffer.alloc(IFREQ_LEN);
  ifreq.write(name, 'latin1');
  ifreq.writeUInt16LE(flags, IFREQ_FLAGS_AT);
  if (ioctl(fd, TUNSETIFF, addressOf(ifreq)) < 0) {
    const error = new SystemCallError(`create the ${kind} interface ${name}`);
    if (error.errno === Errno.EBUSY) error.message += '; an interface of that name exists';
    close(fd);
    throw error;
  }
  return fd;
}

/** One queue of a TUN or TAP device, owned by one worker. "Packet" stands for the frame of a TAP device. */
export class TunQueue {
  readonly fd: number;
  /** Where `receive` puts a packet, its virtio_net_hdr right before it. */
  readonly packetAt: number;
  readonly #arena: Arena;
  readonly #readAddress: number;
  readonly #maxLen: number;

  /**
   * @param readAt Offset of MAX_FRAME_LEN bytes for `receive`, with room for the virtio_net_hdr before
   *   them: queues that one worker reads in turn may share it. Without it the queue, then that of a
   *   TUN device, takes a place of its own.
   */
  constructor(fd: number, arena: Arena, readAt?: number) {
    this.fd = fd;
    this.#arena = arena;
    // The packet itself starts 8-byte aligned.
    this.packetAt = readAt ?? arena.take(16 + MAX_PACKET_LEN) + 16;
    this.#maxLen = VNET_HDR_LEN + (readAt === undefined ? MAX_PACKET_LEN : MAX_FRAME_LEN);
    this.#readAddress = arena.base + this.packetAt - VNET_HDR_LEN;
  }

  /** @returns Length of the packet or super-packet at `packetAt`; 0 when there is none. */
  receive(): number {
    const len = read(this.fd, this.#readAddress, this.#maxLen);
    return len > VNET_HDR_LEN ? len - VNET_HDR_LEN : 0;
  }

  /** Hands over a packet that is complete as it is; the 10 bytes before it are overwritten. @returns As `transmit`. */
  transmitPlain(at: number, len: number): boolean {
    writePlain(this.#arena.view, at - VNET_HDR_LEN);
    return this.transmit(at, len);
  }

  /**
   * Hands the packet or super-packet at `at` to the kernel, with the virtio_net_hdr before it.
   *
   * @returns Whether the kernel took it.
   */
  transmit(at: number, len: number): boolean {
    const address = this.#arena.base + at - VNET_HDR_LEN;
    for (;;) {
      if (write(this.fd, address, VNET_HDR_LEN + len) >= 0) return true;
      if (errno() !== Errno.EINTR) return false;
    }
  }
}
