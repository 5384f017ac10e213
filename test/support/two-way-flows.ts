/** Several UDP flows between two hosts, numbered datagrams both ways on each of them. */
import { dirname } from 'node:path';
import { LineProcess } from './child.ts';
import { MAIN, program } from './dist.ts';
import type { Namespace } from './netns.ts';

export interface FlowSettings {
  readonly flows: number;
  /** Datagrams per second of each flow, each way. */
  readonly pps: number;
  /** Payload bytes of the first flow, and how many more each has than the one before. */
  readonly length?: number;
  /** Not 8: the ICMPv6 error about a datagram would have the size of one of another flow. */
  readonly stepLen?: number;
  readonly firstPort?: number;
}

/** One direction of one flow. */
export interface FlowResult {
  readonly sent: number;
  readonly received: number;
  readonly duplicates: number;
  readonly reordered: number;
}

export class TwoWayFlows {
  readonly #ends: readonly LineProcess[];

  private constructor(ends: readonly LineProcess[]) {
    this.#ends = ends;
  }

  /** Resolves when both ends send. @param addresses Of the hosts, in the overlay. */
  static async start(
    hosts: readonly [Namespace, Namespace],
    addresses: readonly [string, string],
    { flows, pps, length = 600, stepLen = 10, firstPort = 7_300 }: FlowSettings,
  ): Promise<TwoWayFlows> {
    const numbers = [firstPort, flows, pps, length, stepLen].map(String);
    const dist = dirname(dirname(MAIN));
    const start = (host: Namespace, own: string, peer: string) =>
      new LineProcess(host, [program('two-way-flows.mjs'), dist, own, peer, ...numbers]);
    const ends = [start(hosts[0], addresses[0], addresses[1]), start(hosts[1], addresses[1], addresses[0])];
    await Promise.all(ends.map((end) => end.line()));
    return new TwoWayFlows(ends);
  }

  /** @returns All directions of all flows. */
  async stop(): Promise<FlowResult[]> {
    for (const end of this.#ends) end.finish();
    const [first = [], second = []] = await Promise.all(this.#ends.map((end) => end.json<FlowResult[]>()));
    const judge = (from: readonly FlowResult[], to: readonly FlowResult[]) =>
      from.map(({ sent }, i) => ({ ...(to[i] ?? missing()), sent }));
    return [...judge(first, second), ...judge(second, first)];
  }
}

function missing(): never {
  throw new Error('the ends do not agree how many flows there are');
}
