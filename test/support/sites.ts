/** Agents of a network whose hosts differ: one description a host, configs made from all of them. */
import { Agent, type AgentDirectory, type KeyPair, makeKeyPair, type Settings } from './agent.ts';
import { overlay4, overlay6 } from './mesh.ts';
import type { Namespace } from './netns.ts';

export interface Site {
  readonly host: Namespace;
  /** What the others' configs call its endpoint; null when they have none and wait for its call. */
  readonly endpoint: string | null;
  readonly keys?: KeyPair;
  /** Whether it has no IPv6 address in the overlay; all sites of a network should agree. */
  readonly ipv4Only?: boolean;
  /** More keys of its `[interface]`. */
  readonly interface?: Settings;
  /** More keys of each `[[peer]]` in its config. */
  readonly peer?: Settings;
  readonly metrics?: Settings;
  readonly log?: Settings;
}

/** One agent a site, called s1, s2, …, with the overlay addresses of a mesh; configs written, not started. */
export function siteAgents(directory: AgentDirectory, sites: readonly Site[]): Agent[] {
  const agents = sites.map((site, index) => new Agent(site.host, directory, `s${index + 1}`, site.keys));
  for (const [index, agent] of agents.entries()) writeSiteConfig(agents, sites, agent, index);
  return agents;
}

/** Writes the config of one site anew, for a change of plan. */
export function writeSiteConfig(
  agents: readonly Agent[],
  sites: readonly Site[],
  agent: Agent,
  own: number,
): void {
  const peers = agents.map((peer, index) => {
    const endpoint = sites[index]?.endpoint ?? null;
    return {
      name: peer.name,
      public_key: peer.keys.publicKey,
      ...(endpoint === null ? {} : { endpoint }),
      allowed_ips: innerAddresses(sites[index], index, 32, 128),
      ...sites[own]?.peer,
    };
  });
  const { metrics, log } = sites[own] ?? {};
  agent.writeConfig({
    interface: { address: innerAddresses(sites[own], own, 24, 64), ...sites[own]?.interface },
    peers: peers.filter((_, index) => index !== own),
    ...(metrics === undefined ? {} : { metrics }),
    ...(log === undefined ? {} : { log }),
  });
}

function innerAddresses(site: Site | undefined, index: number, length4: number, length6: number): string[] {
  const ipv4 = `${overlay4(index)}/${length4}`;
  return site?.ipv4Only === true ? [ipv4] : [ipv4, `${overlay6(index)}/${length6}`];
}

/** Two key pairs, the one with the lower public key first. */
export function orderedKeyPairs(): [lower: KeyPair, higher: KeyPair] {
  const [a, b] = [makeKeyPair(), makeKeyPair()];
  const bytes = (pair: KeyPair): Buffer => Buffer.from(pair.publicKey, 'base64');
  return Buffer.compare(bytes(a), bytes(b)) < 0 ? [a, b] : [b, a];
}
