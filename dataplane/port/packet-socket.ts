/**
 * Takes an existing network interface, such as the host's end of a container's veth, as a port.
 *
 * A socket on the interface (AF_PACKET) sees all that comes in, and sends on it. The host's own
 * stack sees what comes in too: whoever gives the interface away takes its addresses off it, and
 * switches ARP and IPv6 off on it, else the host answers beside the overlay.
 *
 * Packets go through the interface's queueing discipline and its filters: PACKET_QDISC_BYPASS would
 * save some tens of ns where there is none, as with veth, but drops super-frames that the device
 * can't cut itself, and whatever does not fit its ring.
 *
 * @see packet(7), include/uapi/linux/if_packet.h
 */
import { addressOf, bind, close, Errno, ioctl, SystemCallError, setsockopt, socket } from '../io/libc.ts';
import { setBuffers, setOption } from '../io/socket-option.ts';

export const AF_PACKET = 17;
const SOCK_RAW = 3;
const SOCK_NONBLOCK = 0x800;
const SOCK_CLOEXEC = 0x80000;
export const SOL_PACKET = 263;
const PACKET_ADD_MEMBERSHIP = 1;
export const PACKET_AUXDATA = 8;
const PACKET_VNET_HDR = 15;
/** Linux 4.20. */
const PACKET_IGNORE_OUTGOING = 23;
const PACKET_MR_PROMISC = 1;
const ETH_P_ALL = 0x0003;
const ARPHRD_ETHER = 1;

const SIOCGIFMTU = 0x8921;
const SIOCGIFHWADDR = 0x8927;
const SIOCGIFINDEX = 0x8933;
/** struct ifreq: 16 bytes of name with its end mark, then the value. */
const IFNAMSIZ = 16;

/** A super-frame takes 64 KB and more: room for a hundred. */
const BUFFER_LEN = 8 << 20;

export interface PacketSpec {
  readonly fd: number;
  readonly name: string;
  readonly ifindex: number;
  /** The interface's MTU when it was opened, in bytes. */
  readonly mtuBytes: number;
}

/**
 * Opens a socket on the interface, which may be down; the owner closes the descriptor.
 *
 * @throws {RangeError} when the kernel has no interface of such a name.
 * @throws {SystemCallError} when there is none of that name, it is no Ethernet, CAP_NET_RAW is missing or
 *   the kernel is older than 4.20.
 */
export function openPacketPort(name: string): PacketSpec {
  if (name === '' || Buffer.byteLength(name) >= IFNAMSIZ) {
    throw new RangeError(`Cannot use interface '${name}': expected a name of 1 to ${IFNAMSIZ - 1} bytes`);
  }
  const fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) throw new SystemCallError('open a packet socket');
  try {
    const ifindex = query(fd, SIOCGIFINDEX, name).readInt32LE();
    if (query(fd, SIOCGIFHWADDR, name).readUInt16LE() !== ARPHRD_ETHER) {
      throw new SystemCallError(`use interface ${name}: it carries no Ethernet frames`, Errno.EINVAL);
    }
    const mtuBytes = query(fd, SIOCGIFMTU, name).readInt32LE();
    setBuffers(fd, BUFFER_LEN, BUFFER_LEN);
    // Before it is bound: else the first frames would come without.
    for (const option of [PACKET_VNET_HDR, PACKET_AUXDATA, PACKET_IGNORE_OUTGOING]) {
      if (!setOption(fd, SOL_PACKET, option, 1)) throw new SystemCallError(`set packet option ${option}`);
    }
    bindTo(fd, ifindex, name);
    return { fd, name, ifindex, mtuBytes };
  } catch (error) {
    close(fd);
    throw error;
  }
}

/** What the kernel says of an interface. */
function query(fd: number, request: number, name: string): Buffer {
  const ifreq = Buffer.alloc(128);
  ifreq.write(name, 'utf8');
  if (ioctl(fd, request, addressOf(ifreq)) < 0) throw new SystemCallError(`find interface ${name}`);
  return ifreq.subarray(IFNAMSIZ);
}

/** Promiscuous: frames go to the addresses behind the port, not to the interface's own. */
function bindTo(fd: number, ifindex: number, name: string): void {
  // struct sockaddr_ll
  const address = Buffer.alloc(128);
  address.writeUInt16LE(AF_PACKET, 0);
  address.writeUInt16BE(ETH_P_ALL, 2);
  address.writeInt32LE(ifindex, 4);
  if (bind(fd, addressOf(address), 20) < 0) throw new SystemCallError(`bind to interface ${name}`);
  // struct packet_mreq
  const membership = Buffer.alloc(128);
  membership.writeInt32LE(ifindex, 0);
  membership.writeUInt16LE(PACKET_MR_PROMISC, 4);
  if (setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, addressOf(membership), 16) < 0) {
    throw new SystemCallError(`receive all frames of interface ${name}`);
  }
}
