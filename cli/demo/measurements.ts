/** What the demo measures through the tunnel. */
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import type { DemoAgent } from './demo-agent.ts';
import { type DemoLab, type HostName, OVERLAY4 } from './lab.ts';
import { ProbeProcess } from './probe-process.ts';

const TCP_PORT = 7_001;
const UDP_PORT = 7_002;
const TCP_SECONDS = 3;
const UDP_MBIT = 40;
const REKEYS = 3;
/** Between rekeys, so that each old key meets traffic of its own. */
const REKEY_PAUSE_MS = 400;

export type StartProbe = (host: HostName, args: readonly string[]) => ProbeProcess;

export function probeStarter(lab: DemoLab, main: string): StartProbe {
  return (host, args) => new ProbeProcess(lab, main, host, args);
}

const Ping = z.object({
  sent: z.number(),
  received: z.number(),
  rtt_ms: z.array(z.number()),
  error: z.string().nullable(),
});

export interface PingSummary {
  readonly sent: number;
  readonly received: number;
  readonly min_ms: number;
  readonly median_ms: number;
  readonly max_ms: number;
}

/** @throws {Error} when an echo is lost. */
export async function measurePing(start: StartProbe, target: string): Promise<PingSummary> {
  const ping = await start('a', ['ping', target, '--count', '20', '--interval', '20']).result(Ping);
  const sorted = ping.rtt_ms.toSorted((x, y) => x - y);
  const at = (index: number) => sorted.at(index) ?? 0;
  if (ping.received !== ping.sent) {
    const why = ping.error === null ? '' : `: ${ping.error}`;
    throw new Error(`${ping.sent - ping.received} of ${ping.sent} echoes to ${target} lost${why}`);
  }
  return {
    sent: ping.sent,
    received: ping.received,
    min_ms: at(0),
    median_ms: at(sorted.length >> 1),
    max_ms: at(-1),
  };
}

export interface TcpSummary {
  readonly bytes: number;
  readonly seconds: number;
  readonly gbit_per_second: number;
}

/** One TCP stream from b to a. @throws {Error} when bytes are missing. */
export async function measureTcp(start: StartProbe): Promise<TcpSummary> {
  const server = start('b', ['tcp-serve', OVERLAY4.b, `${TCP_PORT}`, '--seconds', `${TCP_SECONDS}`]);
  await server.ready();
  const sink = start('a', ['tcp-sink', OVERLAY4.b, `${TCP_PORT}`]);
  const [received, sent] = await Promise.all([
    sink.result(z.object({ received_bytes: z.number(), seconds: z.number() })),
    server.result(z.object({ sent_bytes: z.number() })),
  ]);
  if (received.received_bytes !== sent.sent_bytes) {
    throw new Error(`${received.received_bytes} of ${sent.sent_bytes} TCP bytes arrived`);
  }
  const { received_bytes: bytes, seconds } = received;
  return { bytes, seconds, gbit_per_second: (bytes * 8) / seconds / 1e9 };
}

export interface RekeySummary {
  readonly rekeys: number;
  readonly rekey_ms: readonly number[];
  readonly packets_sent: number;
  readonly packets_received: number;
  readonly packets_lost: number;
  readonly duplicates: number;
  readonly longest_gap_ms: number;
}

/**
 * UDP from a to b while both sides rotate the keys in turn.
 *
 * @throws {Error} when a rekey fails or a packet is lost.
 */
export async function measureRekey(
  start: StartProbe,
  agents: Readonly<Record<HostName, DemoAgent>>,
): Promise<RekeySummary> {
  const sink = start('b', ['udp-sink', OVERLAY4.b, `${UDP_PORT}`]);
  await sink.ready();
  const sender = start('a', ['udp-send', OVERLAY4.b, `${UDP_PORT}`, '--mbit', `${UDP_MBIT}`]);
  await sleep(REKEY_PAUSE_MS);
  const durationsMs: number[] = [];
  for (let turn = 0; turn < REKEYS; turn++) {
    durationsMs.push(await rekey(agents[turn % 2 === 0 ? 'a' : 'b']));
    await sleep(REKEY_PAUSE_MS);
  }
  sender.stop();
  const sent = await sender.result(z.object({ sent: z.number() }));
  sink.stop();
  const got = await sink.result(
    z.object({ received: z.number(), duplicates: z.number(), longest_gap_ms: z.number() }),
  );
  const lost = sent.sent - got.received;
  if (sent.sent === 0) throw new Error('no UDP packet could be sent');
  if (lost !== 0) throw new Error(`${lost} of ${sent.sent} packets lost during ${REKEYS} rekeys`);
  return {
    rekeys: REKEYS,
    rekey_ms: durationsMs,
    packets_sent: sent.sent,
    packets_received: got.received,
    packets_lost: lost,
    duplicates: got.duplicates,
    longest_gap_ms: got.longest_gap_ms,
  };
}

async function rekey(agent: DemoAgent): Promise<number> {
  const report = await agent.admin.rekey([]);
  const [peer] = report.peers;
  if (peer === undefined) throw new Error(`agent ${agent.host} has no peer to rekey`);
  if (!peer.ok) throw new Error(`agent ${agent.host} could not rekey: ${peer.error}`);
  if ((peer.lost_packets ?? 0) > 0) {
    throw new Error(
      `the rekey by agent ${agent.host} lost ${peer.lost_packets} of ${peer.sent_packets} packets`,
    );
  }
  return peer.duration_ms;
}
