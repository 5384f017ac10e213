/** Switched networks for tests of the agent: configs, and a pool whose queue only notes what it is told. */
import type { NetworkConfig, PeerConfig, PortConfig, UnixPortConfig } from '../../../cli/config/types.ts';
import type { AnswerTo, SwitchReading, WorkerCommand } from '../../../dataplane/worker/messages.ts';
import type { PoolNetwork } from '../../../dataplane/worker/pool-network.ts';
import { PoolSwitch } from '../../../dataplane/worker/pool-switch.ts';
import { VxlanSockets } from '../../../dataplane/worker/vxlan-sockets.ts';
import { peerConfig } from './samples.ts';

const FIRST_ID = 100;

export function unixPort(
  name: string,
  path: string,
  overrides: Partial<UnixPortConfig> = {},
): UnixPortConfig {
  return {
    type: 'unix',
    name,
    path,
    remote: null,
    mode: 0o600,
    mtu: null,
    maxStations: null,
    addresses: [],
    ...overrides,
  };
}

export function switchedNetwork(
  vni: number,
  ports: readonly PortConfig[] = [],
  overrides: Partial<NetworkConfig> = {},
  peers: readonly PeerConfig[] = [peerConfig(2)],
): NetworkConfig {
  return {
    name: `lan${vni}`,
    vni,
    mode: 'l2',
    relay: null,
    device: false,
    addresses: [],
    mtu: 'auto',
    routes: false,
    announce: [],
    peers,
    ports,
    switch: {
      ageingMs: 300_000,
      maxStations: 1_000,
      maxStationsPerPort: 100,
      snooping: true,
      suppress: true,
      stations: [],
    },
    neighbours: [],
    ...overrides,
  };
}

export const READING: SwitchReading = {
  fdb: {
    size: 3,
    learned: 4,
    moved: 5,
    aged: 6,
    refusedPortCap: 7,
    refusedTableCap: 8,
    refusedMoves: 9,
    staticViolations: 10,
  },
  switch: {
    forwarded: 11,
    flooded: 12,
    dropped: { runt: 13, invalidSource: 14, staticViolation: 15, reserved: 16, noPort: 17, splitHorizon: 18 },
  },
  ports: [],
  multicastGroups: 19,
  neighbours: 20,
  suppressed: { arp: 21, nd: 22 },
};

/** The switches of a pool, with real ports and a queue that is none. */
export class FakeSwitches {
  readonly asked: WorkerCommand[] = [];
  answer: (command: WorkerCommand) => unknown = () => null;
  readonly #networks = new Map<number, PoolNetwork>();
  readonly #vxlan = new VxlanSockets();
  #nextId = FIRST_ID;

  /** @param tapName Of its own interface, null for none. */
  add(vni: number, tapName: string | null = null): PoolSwitch {
    const host = {
      vxlan: this.#vxlan,
      takeId: () => this.#nextId++,
      giveBackId() {},
      ask: async <C extends WorkerCommand>(command: C) => {
        this.asked.push(command);
        return (await this.answer(command)) as AnswerTo<C['kind']>;
      },
    };
    const tap = tapName === null ? null : { name: tapName, fds: [0], offloads: { tcp: true, udp: true } };
    const own = new PoolSwitch(vni, host, tap);
    this.#networks.set(vni, { vni, switch: own, guests: null, ports: own } as unknown as PoolNetwork);
    return own;
  }

  network(vni: number): PoolNetwork | undefined {
    return this.#networks.get(vni);
  }

  remove(vni: number): void {
    this.#networks.get(vni)?.switch?.close();
    this.#networks.delete(vni);
  }

  close(): void {
    for (const vni of [...this.#networks.keys()]) this.remove(vni);
  }

  /** What was asked since, without what only reads. */
  changes(): string[] {
    return this.asked.splice(0).map((command) => {
      const { kind } = command;
      const vni = 'vni' in command ? command.vni : 0;
      return `${kind} ${vni}`;
    });
  }
}
