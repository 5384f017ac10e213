/** CHECK: whether a container's network still is what ADD made. */
import { CniCode, CniError } from '../cni-error.ts';
import type { CniResult } from '../result.ts';
import { attachRequest, type ContainerCall, interfaceIndex, withoutLength } from './call.ts';

/** @throws {CniError} 104 with what differs, or what IPAM has to say. */
export async function check(call: ContainerCall): Promise<void> {
  const { config, container, ipam, agent } = call;
  const { prevResult } = config;
  if (prevResult === null) {
    throw new CniError(CniCode.invalidConfig, 'prevResult is missing: CHECK compares with the result of ADD');
  }
  const { index, mac } = ownInterface(prevResult, call);
  const ips = prevResult.ips.filter((ip) => ip.interface === index);
  await ipam.check(
    container,
    ips.map(({ address }) => withoutLength(address)),
  );
  const { differences } = await agent.check(attachRequest(call, ips, prevResult.routes, mac));
  if (differences.length === 0) return;
  const message = `${container.ifname} of container ${container.containerId} is not as it was added`;
  throw new CniError(CniCode.differs, message, differences.join('; '));
}

/** @throws {CniError} 104 when the result has no such interface, or another namespace. */
function ownInterface(result: CniResult, call: ContainerCall): { index: number; mac: string | undefined } {
  const { ifname, netns } = call.container;
  const index = interfaceIndex(result, call.container);
  const own = result.interfaces[index];
  if (own === undefined)
    throw new CniError(CniCode.differs, `prevResult has no interface ${ifname} in a container`);
  if (own.sandbox === netns) return { index, mac: own.mac?.toLowerCase() };
  throw new CniError(CniCode.differs, `${ifname} was added in ${own.sandbox}, but CNI_NETNS is ${netns}`);
}
