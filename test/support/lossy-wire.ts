/** Two hosts on a wire that loses, repeats and reorders what the data plane sends. */
import { LineProcess } from './child.ts';
import { program } from './dist.ts';
import type { Lab, Namespace } from './netns.ts';
import { mergeReceived } from './receive-offload.ts';

export interface WireSettings {
  /** The same seed gives the same chances. */
  readonly seed: number;
  /** UDP port of the datagrams that meet the faults. */
  readonly port: number;
  /** Shares of those datagrams, 0 to 1. */
  readonly loss?: number;
  readonly duplicate?: number;
  readonly reorder?: number;
  /** What every one of them needs to the other end. */
  readonly delayMs?: number;
  /** Whether the hosts merge what comes (UDP GRO), so that a loss is a gap in the middle of a batch. */
  readonly merged?: boolean;
}

export interface WireCounts {
  readonly passed: number;
  readonly lost: number;
  readonly duplicated: number;
  readonly reordered: number;
  /** By the kernel; at a full queue, which is loss too. */
  readonly refused: number;
  /** Longest IP packet that met the faults: one of a wire's, not a super-packet. */
  readonly largest: number;
}

/** The wire lives in a host of its own; the hosts at its ends have `eth0`. */
export class LossyWire {
  readonly #process: LineProcess;

  private constructor(process: LineProcess) {
    this.#process = process;
  }

  /** Joins two hosts. Resolves when frames pass. */
  static async join(
    lab: Lab,
    ends: readonly [Namespace, Namespace],
    addresses: readonly [string, string],
    settings: WireSettings,
  ): Promise<LossyWire> {
    const wire = lab.addHost(`w${ends[0].label}`);
    for (const [index, host] of ends.entries()) {
      wire.ip(`link add end${index} type veth peer name eth0 netns ${host.name}`);
      wire.ip(`link set end${index} addrgenmode none up`);
      host.ip('link set eth0 gso_max_segs 1 up');
      if (settings.merged === true) {
        await mergeReceived({ host, device: 'eth0' }, { host: wire, device: `end${index}` });
      }
      host.ip(`address add ${addresses[index]} dev eth0`);
    }
    const process = new LineProcess(wire, [
      program('lossy-wire.mjs'),
      'end0',
      'end1',
      JSON.stringify(settings),
    ]);
    await process.line();
    return new LossyWire(process);
  }

  /** Cuts the wire. */
  async stop(): Promise<WireCounts> {
    this.#process.finish();
    return await this.#process.json<WireCounts>();
  }
}
