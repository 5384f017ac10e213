/** Agents that all know each other, on hosts of a mesh: the usual set-up of an end-to-end test. */
import { Agent, type AgentConfig, type AgentDirectory, type Settings } from './agent.ts';
import type { Namespace } from './netns.ts';

export interface MeshMember {
  readonly host: Namespace;
  /** Underlay address, the endpoint that the others use. */
  readonly underlay: string;
}

export interface MeshSettings {
  /** More keys of `[interface]`, for every agent. */
  readonly interface?: Settings;
  /** More keys of every `[[peer]]`. */
  readonly peer?: Settings;
  /** `[metrics]`, off by default. */
  readonly metrics?: Settings;
}

/** Overlay addresses of member `index`, from 0. */
export function overlay4(index: number): string {
  return `10.77.0.${index + 1}`;
}

export function overlay6(index: number): string {
  return `fd77::${index + 1}`;
}

/** One agent per member, called t1, t2, …, configs written, not started. */
export function meshAgents(
  directory: AgentDirectory,
  members: readonly MeshMember[],
  settings: MeshSettings = {},
): Agent[] {
  const agents = members.map(({ host }, index) => new Agent(host, directory, `t${index + 1}`));
  for (const [index, agent] of agents.entries()) {
    agent.writeConfig(meshConfig(agents, members, index, settings));
  }
  return agents;
}

export function meshConfig(
  agents: readonly Agent[],
  members: readonly MeshMember[],
  own: number,
  settings: MeshSettings = {},
): AgentConfig {
  const peers = agents.map((agent, index) => ({
    name: agent.name,
    public_key: agent.keys.publicKey,
    endpoint: members[index]?.underlay ?? '',
    allowed_ips: [`${overlay4(index)}/32`, `${overlay6(index)}/128`],
    ...settings.peer,
  }));
  const ipv6 = members[own]?.underlay.includes(':') === true;
  return {
    interface: {
      address: [`${overlay4(own)}/24`, `${overlay6(own)}/64`],
      listen: ipv6 ? '::' : '0.0.0.0',
      ...settings.interface,
    },
    peers: peers.filter((_, index) => index !== own),
    ...(settings.metrics === undefined ? {} : { metrics: settings.metrics }),
  };
}
