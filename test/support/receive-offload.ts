/** Receive offload: a veth pair merges single frames only when it is told to, as network cards do. */
import { addressOf, close, errno, ioctl, SystemCallError, socket } from '../../dataplane/io/libc.ts';
import type { Namespace } from './netns.ts';

const AF_INET = 2;
const SOCK_DGRAM = 2;
const SIOCETHTOOL = 0x8946;
const Command = { setTso: 0x1f, setGro: 0x2c } as const;
/** struct ifreq: 16 bytes of name, then the address of the request. */
const IFREQ_DATA_AT = 16;

interface VethEnd {
  readonly host: Namespace;
  readonly device: string;
}

/** How long a frame waits for others to join, in ns. */
const FLUSH_NS = 200_000;

/**
 * Lets a host merge the frames that come to it over a veth pair (GRO), over more than one poll:
 * veth's are of one frame each.
 *
 * @param sender The other end, which must not take super-packets for that.
 * @see veth_skb_is_eligible_for_gro() in drivers/net/veth.c
 */
export async function mergeReceived(receiver: VethEnd, sender: VethEnd): Promise<void> {
  set(sender, Command.setTso, false);
  set(receiver, Command.setGro, true);
  const { host, device } = receiver;
  // `ip netns exec` mounts /sys anew, so that it shows this namespace.
  const script = `echo ${FLUSH_NS} >/sys/class/net/${device}/gro_flush_timeout`;
  const { code, stderr } = await host.exec(['sh', '-c', script]);
  if (code !== 0) throw new Error(`cannot let ${device} wait for frames: ${stderr}`);
}

/** @see struct ethtool_value in linux/ethtool.h */
function set({ host, device }: VethEnd, command: number, isOn: boolean): void {
  host.inside(() => {
    const fd = socket(AF_INET, SOCK_DGRAM, 0);
    const value = Buffer.alloc(128);
    value.writeUInt32LE(command, 0);
    value.writeUInt32LE(isOn ? 1 : 0, 4);
    const ifreq = Buffer.alloc(128);
    ifreq.write(device, 'latin1');
    ifreq.writeBigUInt64LE(BigInt(addressOf(value)), IFREQ_DATA_AT);
    const fault = ioctl(fd, SIOCETHTOOL, addressOf(ifreq)) < 0 ? errno() : 0;
    close(fd);
    if (fault !== 0) throw new SystemCallError(`set the offloads of ${device}`, fault);
  });
}
