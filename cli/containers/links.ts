/** Makes and removes the veth pairs of containers. */
import { readFileSync, writeFileSync } from 'node:fs';
import { AttachCode } from '../../cni/attach-protocol.ts';
import { AttachError } from './attach-error.ts';
import { familyOf } from './container-network.ts';
import { isHostEnd } from './link-names.ts';
import { containerCommands, hostCommands, type LinkPlan } from './link-plan.ts';
import type { Netns } from './netns.ts';
import { type ProgramResult, runProgram } from './run-program.ts';

const IPV4_CONF = '/proc/sys/net/ipv4/conf';
const IPV6_CONF = '/proc/sys/net/ipv6/conf';
/** Containers are often made with IPv6 off; whoever gives one an IPv6 address wants it. `$1` is the interface. */
const ENABLE_IPV6 = 'echo 0 >"/proc/sys/net/ipv6/conf/$1/disable_ipv6"; exec ip -batch -';
/** @see RFC 8200 §5 */
export const MIN_MTU_IPV6 = 1_280;
const GONE = /Cannot find device/;
const EXISTS = /File exists/;

/**
 * Makes the pair: the host's end as it is to be, the container's under its name.
 *
 * @throws {AttachError} The host's end may be there then: whoever made its name removes it.
 */
export async function makePair(plan: LinkPlan, netns: Netns): Promise<void> {
  const { hostInterface: host, containerInterface: inner } = plan;
  // What is there under our name is left of an attachment that nobody remembers.
  if (hostEnds().has(host.name)) await removeLink(host.name);
  const withIpv6 = hasIpv6(inner.mtu);
  try {
    await batch(hostCommands(plan, netns.path, withIpv6), (args, input) => runProgram('ip', args, input));
  } catch (error) {
    const isInner = error instanceof AttachError && EXISTS.test(error.message) && !hostEnds().has(host.name);
    if (isInner) throw new AttachError(AttachCode.exists, `the container has an interface ${inner.name}`);
    throw error;
  }
  restrict(host.name, plan.mode === 'l2', withIpv6);
}

/** Gives the container's end its addresses and routes. @throws {AttachError} */
export async function configureContainer(plan: LinkPlan, netns: Netns): Promise<void> {
  const needsIpv6 = plan.ips.some(({ address }) => familyOf(address) === 6);
  const enabling = ['sh', '-c', ENABLE_IPV6, 'sh', plan.containerInterface.name];
  await batch(containerCommands(plan), (args, input) =>
    netns.run(needsIpv6 ? enabling : ['ip', ...args], input),
  );
}

/** Removes both ends; that they are not there is no error. @throws {AttachError} */
export async function removeLink(name: string): Promise<void> {
  const { failed, stderr } = await runProgram('ip', ['link', 'del', 'dev', name]);
  if (failed && !GONE.test(stderr)) throw kernelError(`link del dev ${name}`, stderr);
}

/** Names of the host's ends that there are. @see proc(5) */
export function hostEnds(): Set<string> {
  const lines = readFileSync('/proc/net/dev', 'utf8').split('\n').slice(2);
  return new Set(lines.map((line) => line.split(':', 1)[0]?.trim() ?? '').filter(isHostEnd));
}

/**
 * What containers send reaches the host's stack at this end. It takes from there only what has a source that
 * is routed back to it: the container's own addresses in L3, nothing in L2, where all goes by the switch and
 * the host must not be reached, or answer, beside the overlay. (A source of 0.0.0.0 passes: DHCP servers that
 * listen everywhere hear the container.)
 *
 * @see RFC 3704 §2.2
 */
function restrict(device: string, isSwitched: boolean, withIpv6: boolean): void {
  writeFileSync(`${IPV4_CONF}/${device}/rp_filter`, '1');
  if (isSwitched && withIpv6) writeFileSync(`${IPV6_CONF}/${device}/disable_ipv6`, '1');
}

/** Whether an interface with that MTU has IPv6 at all. */
function hasIpv6(mtuBytes: number): boolean {
  if (mtuBytes < MIN_MTU_IPV6) return false;
  try {
    readFileSync(`${IPV6_CONF}/all/disable_ipv6`);
    return true;
  } catch {
    return false;
  }
}

async function batch(
  commands: readonly string[],
  run: (args: readonly string[], input: string) => Promise<ProgramResult>,
): Promise<void> {
  const { failed, stderr } = await run(['-batch', '-'], `${commands.join('\n')}\n`);
  if (!failed) return;
  const line = Number(/Command failed -:(\d+)/.exec(stderr)?.[1] ?? 1);
  throw kernelError(commands[line - 1] ?? '', stderr.replace(/\s*Command failed.*/s, ''));
}

function kernelError(command: string, came: string): AttachError {
  return new AttachError(AttachCode.kernel, `Cannot run 'ip ${command}': ${came}`);
}
