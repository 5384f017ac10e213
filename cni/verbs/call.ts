/** What every verb works on: one call of the plugin, with what it may reach. */
import type { AgentClient } from '../agent-client.ts';
import type { Attach } from '../attach-api.ts';
import type { Container } from '../environment.ts';
import type { Ipam } from '../ipam/ipam.ts';
import type { NetworkConfig } from '../network-config.ts';
import type { CniIp, CniResult, CniRoute } from '../result.ts';

/** Of GC and STATUS, which are about no container. */
export interface NetworkCall {
  readonly config: NetworkConfig;
  readonly ipam: Ipam;
  readonly agent: AgentClient;
  /** A line to whoever reads the runtime's log. */
  log(line: string): void;
}

export interface ContainerCall extends NetworkCall {
  readonly container: Container;
  /** Of CNI_ARGS or the capability; absent where the agent shall choose. */
  readonly mac: string | undefined;
}

/** What is asked of the agent for a container. */
export function attachRequest(
  call: ContainerCall,
  ips: readonly CniIp[],
  routes: readonly CniRoute[],
  mac: string | undefined,
): Attach {
  const { config, container } = call;
  return {
    confName: config.name,
    containerId: container.containerId,
    ifname: container.ifname,
    netns: container.netns,
    ...(config.network === null ? {} : { network: config.network }),
    ...(mac === undefined ? {} : { mac }),
    ips: ips.map(({ address, gateway }) => ({ address, ...(gateway === undefined ? {} : { gateway }) })),
    routes: routes.map(({ dst, gw, mtu }) => ({
      dst,
      ...(gw === undefined ? {} : { gw }),
      ...(mtu === undefined ? {} : { mtu }),
    })),
    portMappings: [...config.runtimeConfig.portMappings],
    ...(config.mtu === undefined ? {} : { mtu: config.mtu }),
    masquerade: config.ipMasq,
  };
}

/** Index of the container's interface in a result; -1 when it is not there. */
export function interfaceIndex(result: CniResult, container: Container): number {
  return result.interfaces.findIndex(
    ({ name, sandbox }) => name === container.ifname && sandbox !== undefined,
  );
}

export function withoutLength(cidr: string): string {
  return cidr.slice(0, cidr.lastIndexOf('/'));
}
