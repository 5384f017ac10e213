/**
 * Puts the gateways that containers of L2 networks are told of on the networks' interfaces, where nobody
 * has them: then the host takes them outside. What is put there goes with the last attachment that needs it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import type { Attach } from '../../cni/attach-api.ts';
import { AttachCode } from '../../cni/attach-protocol.ts';
import { AttachError } from './attach-error.ts';
import { type ContainerNetwork, familyOf, isWithin, lengthOf, sameAddress } from './container-network.ts';
import { type ProgramResult, runProgram } from './run-program.ts';

/** Two questions of the kernel, a second apart: one alone may be lost, and two gateways are worse than a wait. */
const ASK_MS = 1_500;
const LOOK_EVERY_MS = 30;

const NEIGHBOURS = z.array(z.object({ state: z.array(z.string()).optional() }));
const ADDRESSES = z.array(z.object({ addr_info: z.array(z.object({ local: z.string().optional() })) }));

/** @returns of these, the ones that the network's interface is to have, with the length of their network. */
export function gatewaysOf(ips: Attach['ips']): string[] {
  const found = ips.flatMap(({ address, gateway }) =>
    gateway === undefined ? [] : [`${gateway}/${lengthOf(address)}`],
  );
  return [...new Set(found)];
}

/**
 * Which of the gateways this host is to have: it has them already for another attachment, or nobody has them.
 *
 * @param held Those that the interface has for other attachments.
 */
export async function missingGateways(
  network: ContainerNetwork,
  gateways: readonly string[],
  held: readonly string[],
): Promise<string[]> {
  const { device } = network;
  if (device === null || gateways.length === 0) return [];
  const unheld = gateways.filter((gateway) => !held.includes(gateway));
  const present = unheld.length === 0 ? [] : await addressesOf(device);
  const isFree = async (gateway: string) => {
    if (!unheld.includes(gateway)) return true;
    if (present.some((address) => sameAddress(address, gateway))) return false;
    return !(await isTaken(network, device, gateway));
  };
  const free = await Promise.all(gateways.map(isFree));
  return gateways.filter((_, index) => free[index]);
}

/** @throws {AttachError} */
export async function putGateways(device: string, gateways: readonly string[]): Promise<void> {
  if (gateways.length === 0) return;
  const commands = gateways.map((gateway) => {
    return `address replace ${gateway} dev ${device}${familyOf(gateway) === 6 ? ' nodad' : ''}`;
  });
  const { failed, stderr } = await runProgram('ip', ['-batch', '-'], `${commands.join('\n')}\n`);
  if (!failed) return;
  const what = `cannot give ${device} the gateways ${gateways.join(', ')}`;
  throw new AttachError(AttachCode.kernel, `${what}: ${stderr}`);
}

/** What is gone already is gone. */
export async function takeGateways(device: string, gateways: readonly string[]): Promise<void> {
  if (gateways.length === 0) return;
  const commands = gateways.map((gateway) => `address del ${gateway} dev ${device}`);
  await runProgram('ip', ['-force', '-batch', '-'], `${commands.join('\n')}\n`);
}

/** Whether the host has an address on the network's interface from which it reaches the container. */
export function reachesHost(network: ContainerNetwork, ip: string, gateways: readonly string[]): boolean {
  if (network.device === null) return false;
  return [...network.addresses, ...gateways].some((address) => isWithin(ip, address));
}

async function addressesOf(device: string): Promise<string[]> {
  const { stdout } = await runProgram('ip', ['-json', 'address', 'show', 'dev', device]);
  const [link] = ADDRESSES.safeParse(parse(stdout)).data ?? [];
  return (link?.addr_info ?? []).flatMap(({ local }) => (local === undefined ? [] : [local]));
}

/** Known to the switch, or answering the kernel's own question on the segment. */
async function isTaken(network: ContainerNetwork, device: string, gateway: string): Promise<boolean> {
  const [address = ''] = gateway.split('/');
  const known = (await network.switch?.neighbours()) ?? [];
  // What it knows of the interface itself is what that had for attachments before.
  const own = network.switch?.portId(device);
  if (known.some(({ ip, port }) => port !== own && sameAddress(ip, address))) return true;
  // What an entry says that is there already may be long past.
  const ask = `neigh del ${address} dev ${device}\nneigh replace ${address} dev ${device} nud none use\n`;
  await runProgram('ip', ['-force', '-batch', '-'], ask);
  const endAtMs = performance.now() + ASK_MS;
  let answered = false;
  while (!answered && performance.now() < endAtMs) {
    await sleep(LOOK_EVERY_MS);
    answered = isReachable(await runProgram('ip', ['-json', 'neigh', 'show', 'to', address, 'dev', device]));
  }
  await runProgram('ip', ['neigh', 'del', address, 'dev', device]);
  return answered;
}

function isReachable({ stdout }: ProgramResult): boolean {
  const entries = NEIGHBOURS.safeParse(parse(stdout)).data ?? [];
  return entries.some(({ state = [] }) => state.includes('REACHABLE'));
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return [];
  }
}
