/** Traffic between the hosts, by iperf3 and ping. */
import type { ChildProcess } from 'node:child_process';
import { finish, type Site } from './site.ts';

const PORT = '5201';
const PATIENCE_MS = 15_000;
const PING_INTERVAL_MS = 10;
/** Named, because machines have different ones as their default; one that paces would measure its pace. */
export const CONGESTION_CONTROL = 'cubic';

export interface TcpResult {
  readonly bitsPerSecond: number;
  readonly bytes: number;
}

export interface UdpResult {
  /** What arrived. */
  readonly packetsPerSecond: number;
  readonly bitsPerSecond: number;
}

interface Sum {
  readonly bytes?: number;
  readonly bits_per_second?: number;
  readonly packets?: number;
  readonly lost_packets?: number;
  readonly seconds?: number;
}

interface IperfJson {
  readonly error?: string;
  readonly end?: { readonly sum?: Sum; readonly sum_received?: Sum };
}

/** @throws {Error} when iperf3 reports an error or no result. */
export function parseTcp(json: string): TcpResult {
  const received = parse(json).end?.sum_received;
  const { bytes, bits_per_second: bitsPerSecond } = received ?? {};
  if (bytes === undefined || bitsPerSecond === undefined) throw new Error('iperf3 gave no result');
  return { bytes, bitsPerSecond };
}

/**
 * Counts what arrived, by the receiver's report.
 *
 * @param payloadLen Bytes of each datagram.
 * @throws {Error} as `parseTcp`.
 */
export function parseUdp(json: string, payloadLen: number): UdpResult {
  const { packets, lost_packets: lost, seconds } = parse(json).end?.sum ?? {};
  if (packets === undefined || lost === undefined || !seconds) throw new Error('iperf3 gave no result');
  const packetsPerSecond = Math.max(0, packets - lost) / seconds;
  return { packetsPerSecond, bitsPerSecond: packetsPerSecond * payloadLen * 8 };
}

/** Round trips in ms from the output of ping(8). */
export function parsePing(text: string): number[] {
  return [...text.matchAll(/time=([\d.]+) ms/g)].map(([, ms]) => Number(ms));
}

/** TCP from host a to host b. @param args More arguments of iperf3: '-P', '4' or '-R'. */
export async function tcp(
  site: Site,
  target: string,
  seconds: number,
  args: readonly string[] = [],
): Promise<TcpResult> {
  return parseTcp(await iperf(site, target, seconds, ['-C', CONGESTION_CONTROL, ...args]));
}

/** As much UDP as host a can send to host b. */
export async function udp(
  site: Site,
  target: string,
  seconds: number,
  payloadLen: number,
): Promise<UdpResult> {
  const args = ['-u', '-b', '0', '-l', `${payloadLen}`];
  return parseUdp(await iperf(site, target, seconds, args), payloadLen);
}

/** Round trips from host a, 10 ms apart, in ms. @throws {Error} when none came back. */
export async function pings(site: Site, target: string, count: number): Promise<number[]> {
  const interval = `${PING_INTERVAL_MS / 1_000}`;
  const argv = ['ping', '-n', '-i', interval, '-c', `${count}`, '-W', '1', target];
  const rttsMs = parsePing(await site.run('a', argv, count * PING_INTERVAL_MS + PATIENCE_MS));
  if (rttsMs.length === 0) throw new Error(`no answer from ${target}`);
  return rttsMs;
}

async function iperf(site: Site, target: string, seconds: number, args: readonly string[]): Promise<string> {
  const argv = ['iperf3', '-s', '-1', '-B', target, '-p', PORT, '--forceflush'];
  const server = site.lab.spawn('b', argv, ['ignore', 'pipe', 'pipe']);
  const ended = finish(server, seconds * 1_000 + 2 * PATIENCE_MS);
  try {
    await untilListening(server);
    const client = ['iperf3', '-J', '-c', target, '-p', PORT, '-t', `${seconds}`, ...args];
    return await site.run('a', client, seconds * 1_000 + PATIENCE_MS);
  } finally {
    server.kill();
    await ended;
  }
}

function untilListening(server: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    server.stdout?.on('data', (text: string) => {
      if (text.includes('Server listening')) resolve();
    });
    server.on('close', () => reject(new Error('the iperf3 server ended early')));
  });
}

function parse(json: string): IperfJson {
  const result = JSON.parse(json) as IperfJson;
  if (result.error !== undefined) throw new Error(`iperf3: ${result.error}`);
  return result;
}
