/** Receive offload: a veth pair merges single frames only when it is told to, as network cards do. */
import { OffloadSwitch, setOffload, type VethEnd } from './offload-switch.ts';

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
  setOffload(sender, OffloadSwitch.tso, false);
  setOffload(receiver, OffloadSwitch.gro, true);
  const { host, device } = receiver;
  // `ip netns exec` mounts /sys anew, so that it shows this namespace.
  const script = `echo ${FLUSH_NS} >/sys/class/net/${device}/gro_flush_timeout`;
  const { code, stderr } = await host.exec(['sh', '-c', script]);
  if (code !== 0) throw new Error(`cannot let ${device} wait for frames: ${stderr}`);
}
