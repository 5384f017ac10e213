/** Two hosts with agents and one outside the overlay: where containers are tested. */
import { join } from 'node:path';
import { Agent, type AgentDirectory, type Settings } from './agent.ts';
import { CniNetwork } from './container.ts';
import type { Lab, Namespace } from './netns.ts';
import { startAll } from './segment.ts';

export interface CniHosts {
  readonly agents: readonly [Agent, Agent];
  /** Of each agent's host, by the same name. */
  readonly networks: readonly [CniNetwork, CniNetwork];
  /** Knows no overlay: 192.0.2.3. */
  readonly outside: Namespace;
}

export const OUTSIDE = '192.0.2.3';
export const OUTSIDE6 = 'fd00:192::3';
/** IPv6 addresses of the hosts' underlay, beside those of the mesh. */
export const UNDERLAY6 = ['fd00:192::1', 'fd00:192::2'] as const;
const NUMBERS = [1, 2] as const;

/**
 * In L3 each host has a range of its own that is routed to it; in L2 all share a segment, of which each
 * host gives away a part and is the gateway of its own containers.
 */
export async function startCniHosts(
  lab: Lab,
  directory: AgentDirectory,
  mode: 'l2' | 'l3',
  more: object = {},
): Promise<CniHosts> {
  const [a, b, outside] = lab.mesh(['a', 'b', 'out'], { segmented: true });
  if (a === undefined || b === undefined || outside === undefined) throw new TypeError('three hosts');
  for (const [index, host] of [a, b, outside].entries()) {
    host.ip(`address add fd00:192::${index + 1}/64 dev eth0 nodad`);
  }
  const agents = [new Agent(a, directory, 'n1'), new Agent(b, directory, 'n2')] as const;
  for (const [index, agent] of agents.entries()) {
    const other = agents[index === 0 ? 1 : 0];
    const [own, far] = index === 0 ? [1, 2] : [2, 1];
    agent.writeConfig({
      interface: mode === 'l3' ? routed(own) : { mode: 'l2' },
      metrics: { listen: '127.0.0.1:6083' },
      peers: [
        {
          name: other.name,
          public_key: other.keys.publicKey,
          endpoint: `192.0.2.${far}`,
          ...(mode === 'l3' ? { allowed_ips: [`10.77.${far}.0/24`, `fd77:${far}::/64`] } : {}),
        },
      ],
    });
  }
  await startAll(agents);
  const network = (index: 0 | 1) =>
    new CniNetwork(agents[index], {
      name: `net-${mode}`,
      dataDir: join(directory.path, `leases-${NUMBERS[index]}`),
      ranges: mode === 'l3' ? routedRanges(NUMBERS[index]) : segmentRanges(NUMBERS[index]),
      more: { ipMasq: true, capabilities: { portMappings: true }, ...more },
    });
  return { agents, networks: [network(0), network(1)], outside };
}

function routed(own: number): Settings {
  return { address: [`10.77.${own}.254/24`, `fd77:${own}::fffe/64`] };
}

function routedRanges(own: number): object[][] {
  return [[{ subnet: `10.77.${own}.0/24`, rangeEnd: `10.77.${own}.200` }], [{ subnet: `fd77:${own}::/64` }]];
}

function segmentRanges(own: number): object[][] {
  const [first, last] = [own * 100, own * 100 + 50];
  return [
    [
      {
        subnet: '10.88.0.0/16',
        rangeStart: `10.88.0.${first}`,
        rangeEnd: `10.88.0.${last}`,
        gateway: `10.88.0.${own}`,
      },
    ],
    [
      {
        subnet: 'fd88::/64',
        rangeStart: `fd88::${own}:1`,
        rangeEnd: `fd88::${own}:ffff`,
        gateway: `fd88::${own}`,
      },
    ],
  ];
}
