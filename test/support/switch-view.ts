/** What an agent says of its Layer 2 networks: stations, ports and neighbours, by its commands. */
import type { Agent } from './agent.ts';

export interface Station {
  readonly mac: string;
  /** Name of the port or of the peer behind which it is. */
  readonly port: string;
  readonly kind: 'port' | 'peer';
  readonly state: 'learned' | 'static';
  readonly age_seconds: number | null;
}

export interface PortView {
  readonly name: string;
  readonly type: string;
  readonly state: 'up' | 'down';
  readonly mtu: number;
  readonly stations: number;
  readonly max_stations: number;
  readonly rx_frames: number;
  readonly tx_frames: number;
  readonly rx_dropped: number;
  readonly tx_dropped: number;
}

export interface Neighbour {
  readonly ip: string;
  readonly mac: string;
  readonly port: string;
  readonly kind: 'port' | 'peer';
}

interface NetworkOf<Key extends string, Item> {
  readonly networks: readonly ({ readonly network: string; readonly vni: number } & Record<
    Key,
    readonly Item[]
  >)[];
}

/** Stations of a network, or of the only one. @throws {Error} with what the command said. */
export async function stationsOf(agent: Agent, network?: string): Promise<readonly Station[]> {
  const view = await show<NetworkOf<'entries', Station>>(agent, 'fdb', 'show');
  return pick(view, network).entries;
}

/** Ports of a network, or of the only one. @throws {Error} with what the command said. */
export async function portsOf(agent: Agent, network?: string): Promise<readonly PortView[]> {
  const view = await show<NetworkOf<'ports', PortView>>(agent, 'port', 'list');
  return pick(view, network).ports;
}

/** Which addresses the agent knows to be where. @throws {Error} with what the command said. */
export async function neighboursOf(agent: Agent, network?: string): Promise<readonly Neighbour[]> {
  const view = await show<NetworkOf<'neighbours', Neighbour>>(agent, 'neigh', 'show');
  return pick(view, network).neighbours;
}

/** @throws {Error} when the agent has no such port. */
export async function portOf(agent: Agent, name: string, network?: string): Promise<PortView> {
  const ports = await portsOf(agent, network);
  const port = ports.find((candidate) => candidate.name === name);
  if (port === undefined) throw new Error(`no port ${name} among ${ports.map((one) => one.name).join(', ')}`);
  return port;
}

/** Where each station is, without its age: what must not change while others attack. */
export function places(stations: readonly Station[]): string[] {
  return stations.map(({ mac, port, kind, state }) => `${mac} ${kind} ${port} ${state}`).sort();
}

async function show<T>(agent: Agent, ...command: string[]): Promise<T> {
  const { code, stdout, stderr } = await agent.cli(...command, '--json');
  if (code !== 0) throw new Error(`icx ${command.join(' ')} --json: ${stderr}`);
  return JSON.parse(stdout) as T;
}

function pick<Key extends string, Item>(
  view: NetworkOf<Key, Item>,
  name?: string,
): NetworkOf<Key, Item>['networks'][number] {
  const found = view.networks.find(({ network }) => name === undefined || network === name);
  if (found === undefined) throw new Error(`no network ${name ?? ''} in ${JSON.stringify(view)}`);
  return found;
}
