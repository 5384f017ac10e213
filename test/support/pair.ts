/** Two agents on one link, with traffic both ways: the set-up of tests about one tunnel. */
import type { Agent, AgentDirectory } from './agent.ts';
import { queueDrops } from './kernel-drops.ts';
import { type MeshSettings, meshAgents, overlay4, overlay6 } from './mesh.ts';
import { Lab, type Namespace } from './netns.ts';
import { UdpFlow, type UdpFlowResult } from './traffic.ts';

/** Traffic from one host to the other, with what the sender's kernel dropped taken out. */
export interface TunnelLoss extends UdpFlowResult {
  /** Packets that the tunnel was given and did not deliver. */
  readonly lostInTunnel: number;
}

export class Pair {
  readonly lab = new Lab();
  readonly hosts: readonly [Namespace, Namespace];
  /** Called t1 and t2. */
  readonly agents: readonly [Agent, Agent];

  constructor(directory: AgentDirectory, settings: MeshSettings = {}) {
    const [a, b] = this.lab.mesh(['a', 'b']);
    if (a === undefined || b === undefined) throw new TypeError('mesh() gave too few hosts');
    this.hosts = [a, b];
    const members = this.hosts.map((host, index) => ({ host, underlay: `192.0.2.${index + 1}` }));
    const [first, second] = meshAgents(directory, members, settings);
    if (first === undefined || second === undefined) throw new TypeError('meshAgents() gave too few');
    this.agents = [first, second];
  }

  /** Starts both agents and waits until they have keys. */
  async up(): Promise<void> {
    for (const agent of this.agents) agent.start();
    await Promise.all(this.agents.map((agent) => agent.waitPeers()));
  }

  /** 40 Mbit/s each way, one over IPv4, the other over IPv6, while `body` runs. */
  async underLoad(body: () => Promise<void>): Promise<readonly [TunnelLoss, TunnelLoss]> {
    const [a, b] = this.hosts;
    const before = this.#queueDrops();
    const [there, back] = await Promise.all([
      UdpFlow.start(a, b, overlay4(1)),
      UdpFlow.start(b, a, overlay6(0)),
    ]);
    await body();
    const results = await Promise.all([there.stop(), back.stop()]);
    const dropped = this.#queueDrops().map((count, index) => count - (before[index] ?? 0));
    const judge = (result: UdpFlowResult, index: number) => ({
      ...result,
      // Others' packets may be among the dropped.
      lostInTunnel: Math.max(0, result.lost - (dropped[index] ?? 0)),
    });
    return [judge(results[0], 0), judge(results[1], 1)];
  }

  close(): void {
    this.lab.close();
  }

  #queueDrops(): number[] {
    return this.agents.map((agent) => queueDrops(agent.host, agent.name));
  }
}
