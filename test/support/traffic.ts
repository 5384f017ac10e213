/** Traffic between hosts: ping, UDP at a rate with every loss counted, TCP with its hash checked. */
import { probePing } from '../../cli/demo/probe-ping.ts';
import { IcmpEcho } from '../../dataplane/io/icmp-echo.ts';
import { LineProcess } from './child.ts';
import { MAIN, program } from './dist.ts';
import type { Namespace } from './netns.ts';

export interface Pinged {
  readonly sent: number;
  readonly received: number;
  readonly rtt_ms: readonly number[];
  readonly error: string | null;
}

export interface PingSettings {
  readonly count?: number;
  readonly intervalMs?: number;
  readonly timeoutMs?: number;
  readonly dataLen?: number;
  readonly dontFragment?: boolean;
}

/** Pings from a host. */
export function ping(host: Namespace, address: string, settings: PingSettings = {}): Promise<Pinged> {
  const { count = 5, intervalMs = 50, timeoutMs = 1_000, dataLen = 56, dontFragment = false } = settings;
  const options = { count, interval: intervalMs, timeout: timeoutMs, length: dataLen, dontFragment };
  // A socket stays in the namespace it was made in: no process of its own for each ping.
  return probePing(address, options, () => host.inside(() => new IcmpEcho(address, dontFragment)));
}

/** Milliseconds until the first answer. @throws {Error} when none came in time. */
export async function untilPing(host: Namespace, address: string, timeoutMs: number): Promise<number> {
  const startedAtMs = performance.now();
  while (performance.now() - startedAtMs < timeoutMs) {
    const { received } = await ping(host, address, { count: 5, intervalMs: 20, timeoutMs: 200 });
    if (received > 0) return performance.now() - startedAtMs;
  }
  throw new Error(`no answer from ${address} within ${timeoutMs} ms`);
}

export interface UdpSettings {
  readonly port?: number;
  readonly mbit?: number;
  readonly length?: number;
}

export interface UdpFlowResult {
  readonly sent: number;
  readonly received: number;
  readonly lost: number;
  readonly duplicates: number;
  readonly reordered: number;
  readonly longestGapMs: number;
}

/** UDP at a steady rate until it is stopped. */
export class UdpFlow {
  readonly #sender: LineProcess;
  readonly #sink: LineProcess;

  private constructor(sender: LineProcess, sink: LineProcess) {
    this.#sender = sender;
    this.#sink = sink;
  }

  /** @param address Of the receiving host. */
  static async start(
    from: Namespace,
    to: Namespace,
    address: string,
    { port = 7_100, mbit = 40, length = 1_200 }: UdpSettings = {},
  ): Promise<UdpFlow> {
    const sink = new LineProcess(to, [MAIN, 'demo-probe', 'udp-sink', address, `${port}`]);
    await sink.line();
    const rate = ['--mbit', `${mbit}`, '--length', `${length}`];
    const sender = new LineProcess(from, [MAIN, 'demo-probe', 'udp-send', address, `${port}`, ...rate]);
    return new UdpFlow(sender, sink);
  }

  async stop(): Promise<UdpFlowResult> {
    this.#sender.finish();
    const { sent } = await this.#sender.json<{ sent: number }>();
    this.#sink.finish();
    const got = await this.#sink.json<{
      received: number;
      duplicates: number;
      reordered: number;
      longest_gap_ms: number;
    }>();
    const { received, duplicates, reordered, longest_gap_ms: longestGapMs } = got;
    return { sent, received, lost: sent - received, duplicates, reordered, longestGapMs };
  }
}

export interface Copied {
  readonly bytes: number;
  /** Whether number and SHA-256 of the received bytes are those of the sent. */
  readonly intact: boolean;
  readonly seconds: number;
}

/** Sends pseudo-random bytes over one TCP connection. */
export async function copyTcp(
  from: Namespace,
  to: Namespace,
  address: string,
  bytes: number,
  port = 7_200,
): Promise<Copied> {
  interface End {
    readonly bytes: number;
    readonly sha256: string;
    readonly seconds: number;
  }
  const server = new LineProcess(to, [program('tcp-copy.mjs'), 'serve', address, `${port}`]);
  await server.line();
  const client = new LineProcess(from, [program('tcp-copy.mjs'), 'send', address, `${port}`, `${bytes}`]);
  const [received, sent] = await Promise.all([server.json<End>(120_000), client.json<End>(120_000)]);
  const intact = received.bytes === sent.bytes && received.sha256 === sent.sha256;
  return { bytes: received.bytes, intact, seconds: received.seconds };
}
