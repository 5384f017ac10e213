/** DEL: a container leaves a network. Idempotent, whatever is left of it. */
import { CniCode, CniError } from '../cni-error.ts';
import type { ContainerCall } from './call.ts';

/**
 * First the interface, then the addresses, so that no address is in two containers.
 *
 * An agent that does not run holds up no container: it drops the attachments whose namespaces are gone
 * when it starts, before it takes new ones.
 *
 * @throws {CniError} The runtime will try again.
 */
export async function del(call: ContainerCall): Promise<void> {
  const { config, container, ipam, agent } = call;
  const { containerId, ifname, netns } = container;
  try {
    await agent.detach({
      confName: config.name,
      containerId,
      ifname,
      ...(netns === '' ? {} : { netns }),
    });
  } catch (error) {
    if (!(error instanceof CniError) || error.code !== CniCode.unavailable) throw error;
    call.log(`${error.message}: ${ifname} of ${containerId} goes with its namespace`);
  }
  await ipam.del(container);
}
