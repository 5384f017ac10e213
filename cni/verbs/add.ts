/**
 * ADD: a container joins a network.
 *
 *     1  addresses      IPAM
 *     2  interface      the agent: veth pair, addresses, routes, published ports
 *     3  result         what came before in the chain, then ours
 *
 * A failure of 2 takes 1 back.
 */
import type { Attached } from '../attach-api.ts';
import { CniCode, CniError } from '../cni-error.ts';
import { appendResult, type CniResult, EMPTY_RESULT } from '../result.ts';
import { checkPortMappings } from '../runtime-config.ts';
import { attachRequest, type ContainerCall, interfaceIndex, withoutLength } from './call.ts';

/** @returns the result, for any version. @throws {CniError} */
export async function add(call: ContainerCall): Promise<CniResult> {
  const { config, container, ipam, agent, mac } = call;
  const before = config.prevResult ?? EMPTY_RESULT;
  if (interfaceIndex(before, container) >= 0) {
    const message = `another plugin of the chain made ${container.ifname}`;
    throw new CniError(CniCode.exists, message, 'icx-cni makes an interface: let only one of them do it');
  }
  const managed = await ipam.add(container);
  try {
    checkPortMappings(
      config.runtimeConfig.portMappings,
      managed.ips.map(({ address }) => withoutLength(address)),
    );
    const attached = await agent.attach(attachRequest(call, managed.ips, managed.routes, mac));
    return appendResult(before, resultOf(attached, managed, call));
  } catch (error) {
    await release(call);
    throw error;
  }
}

/** The failure that brought us here is the one to tell. */
async function release(call: ContainerCall): Promise<void> {
  try {
    await call.ipam.del(call.container);
  } catch (error) {
    call.log(`cannot release the addresses: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** The interface in the container is the second. */
function resultOf(attached: Attached, managed: CniResult, call: ContainerCall): CniResult {
  const { dns } = call.config;
  return {
    interfaces: [attached.hostInterface, attached.containerInterface],
    ips: attached.ips.map((ip) => ({ ...ip, interface: 1 })),
    routes: attached.routes,
    dns: Object.keys(dns).length > 0 ? dns : managed.dns,
  };
}
