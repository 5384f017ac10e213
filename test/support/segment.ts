/** Agents whose hosts share Layer 2 networks: one network in the short form of the config, or several. */
import { Agent, type AgentDirectory, type ConfigSection, type Settings } from './agent.ts';
import { overlay4, overlay6 } from './mesh.ts';
import type { Lab, MeshOptions, Namespace } from './netns.ts';

export interface Member {
  readonly host: Namespace;
  /** Underlay address, the endpoint that the others use. */
  readonly underlay: string;
}

/** Hosts on one underlay, each with its address. */
export function meshMembers(lab: Lab, labels: readonly string[], options: MeshOptions = {}): Member[] {
  const hosts = lab.mesh(labels, options);
  return hosts.map((host, index) => ({ host, underlay: `192.0.2.${index + 1}` }));
}

export interface SegmentMember extends Member {
  /** More keys of `[interface]`. */
  readonly interface?: Settings;
  /** `[[port]]` sections, complete. */
  readonly ports?: readonly Settings[];
  /** Keys of `[switch]`. */
  readonly switch?: Settings;
}

export interface NetworkPlan {
  /** Keys of `[[network]]`. */
  readonly settings: Settings;
  /** Its `[[network.port]]` sections, complete. */
  readonly ports?: readonly Settings[];
}

export interface NetworksMember extends Member {
  readonly networks: readonly NetworkPlan[];
}

/**
 * One agent a member, called s1, s2, … as its TAP is, on one Layer 2 network with the overlay
 * addresses of a mesh; configs written, not started.
 */
export function segmentAgents(directory: AgentDirectory, members: readonly SegmentMember[]): Agent[] {
  const agents = makeAgents(directory, members);
  for (const [index, member] of members.entries()) {
    const { ports = [], switch: switchSettings } = member;
    agents[index]?.writeConfig({
      interface: {
        mode: 'l2',
        address: [`${overlay4(index)}/24`, `${overlay6(index)}/64`],
        ...member.interface,
      },
      peers: peersOf(agents, members, index),
      sections: [
        ...(switchSettings === undefined ? [] : [{ title: '[switch]', settings: switchSettings }]),
        ...ports.map((settings) => ({ title: '[[port]]', settings })),
      ],
    });
  }
  return agents;
}

/** One agent a member, called s1, s2, …, all in every network; configs written, not started. */
export function networkAgents(directory: AgentDirectory, members: readonly NetworksMember[]): Agent[] {
  const agents = makeAgents(directory, members);
  for (const [index, { networks }] of members.entries()) {
    agents[index]?.writeConfig({
      interface: {},
      peers: peersOf(agents, members, index),
      sections: networks.flatMap(networkSections),
    });
  }
  return agents;
}

/** Starts agents and waits until all have keys with all. */
export async function startAll(agents: readonly Agent[]): Promise<void> {
  for (const agent of agents) agent.start();
  await Promise.all(agents.map((agent) => agent.waitPeers([], 30_000)));
}

function makeAgents(directory: AgentDirectory, members: readonly Member[]): Agent[] {
  return members.map(({ host }, index) => new Agent(host, directory, `s${index + 1}`));
}

function peersOf(agents: readonly Agent[], members: readonly Member[], own: number): Settings[] {
  const peers = agents.map((agent, index) => ({
    name: agent.name,
    public_key: agent.keys.publicKey,
    endpoint: members[index]?.underlay ?? '',
  }));
  return peers.filter((_, index) => index !== own);
}

function networkSections({ settings, ports = [] }: NetworkPlan): ConfigSection[] {
  return [
    { title: '[[network]]', settings },
    ...ports.map((port) => ({ title: '[[network.port]]', settings: port })),
  ];
}
