/** Two agents that know each other and an attacker on their underlay. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Status } from '../../cli/status-schema.ts';
import { type Agent, AgentDirectory } from './agent.ts';
import { Capture, type CapturedFrame } from './capture.ts';
import { parseUdpFrame } from './frame.ts';
import { type MeshSettings, meshAgents } from './mesh.ts';
import { Lab, type Namespace } from './netns.ts';

export const DATA_PORT = 6_081;
export const CONTROL_PORT = 6_082;
const METRICS = '127.0.0.1:6083';

/** Reasons of drops with their numbers, without those that did not happen. */
export type Drops = Readonly<Record<string, number>>;

export class AttackedPair {
  readonly lab = new Lab();
  readonly directory = new AgentDirectory();
  readonly a: Agent;
  readonly b: Agent;
  /** 192.0.2.3, between them. */
  readonly attacker: Namespace;
  #captures = 0;

  constructor(settings: MeshSettings = {}) {
    const [hostA, hostB, attacker] = this.lab.mesh(['a', 'b', 'x'], { segmented: true });
    if (hostA === undefined || hostB === undefined || attacker === undefined)
      throw new TypeError('three hosts');
    this.attacker = attacker;
    const members = [
      { host: hostA, underlay: '192.0.2.1' },
      { host: hostB, underlay: '192.0.2.2' },
    ];
    const metrics = { metrics: { listen: METRICS } };
    const [a, b] = meshAgents(this.directory, members, { ...settings, ...metrics });
    if (a === undefined || b === undefined) throw new TypeError('two agents');
    this.a = a;
    this.b = b;
  }

  async up(): Promise<void> {
    for (const agent of [this.a, this.b]) agent.start();
    await Promise.all([this.a.waitPeers(), this.b.waitPeers()]);
  }

  /** @throws {Error} when an agent had ended before, or does not end in order. */
  async close(): Promise<void> {
    const ends = await Promise.allSettled([this.a, this.b].map(stopInOrder));
    this.lab.close();
    this.directory.remove();
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
  }

  /** Frames to a port of B while `body` ran. */
  async framesToB(body: () => Promise<unknown>, port = DATA_PORT): Promise<CapturedFrame[]> {
    const file = join(this.directory.path, `to-b-${++this.#captures}.pcap`);
    const frames = await framesDuring(this.b.host, 'eth0', file, body);
    return frames.filter(({ bytes }) => {
      const udp = parseUdpFrame(bytes);
      return udp?.destination === '192.0.2.2' && udp.destinationPort === port;
    });
  }
}

async function stopInOrder(agent: Agent): Promise<void> {
  const { code, signal } = await agent.stop();
  if (code === 0) return;
  const log = agent.log.split('\n').slice(-20).join('\n');
  throw new Error(`${agent.name} ended with ${signal ?? code}:\n${log}`);
}

/** What passed an interface while `body` ran. */
export async function framesDuring(
  host: Namespace,
  device: string,
  file: string,
  body: () => Promise<unknown>,
): Promise<CapturedFrame[]> {
  const capture = await Capture.start(host, device, file);
  await body();
  await sleep(100);
  return await capture.stop();
}

/** The link address of a host's eth0: frames of another one would mislead the bridge. */
export function linkAddress(host: Namespace): Buffer {
  const [, mac = ''] = /link\/ether (\S+)/.exec(host.ip('link show eth0')) ?? [];
  return Buffer.from(mac.replaceAll(':', ''), 'hex');
}

/**
 * What an agent dropped while `body` ran, once it has dropped `count` packets or 5 s are over.
 */
export async function rxDropsDuring(
  agent: Agent,
  count: number,
  body: () => Promise<unknown>,
): Promise<Drops> {
  const before = (await agent.status()).drops.rx;
  await body();
  const endAtMs = performance.now() + 5_000;
  for (;;) {
    const drops = difference(before, (await agent.status()).drops.rx);
    if (total(drops) >= count || performance.now() > endAtMs) return drops;
    await sleep(20);
  }
}

export function total(drops: Drops): number {
  return Object.values(drops).reduce((sum, packets) => sum + packets, 0);
}

/** How often each reason occurs. */
export function tally(reasons: readonly string[]): Drops {
  const drops: Record<string, number> = {};
  for (const reason of reasons) drops[reason] = (drops[reason] ?? 0) + 1;
  return drops;
}

function difference(before: Drops, after: Drops): Drops {
  const pairs = Object.entries(after).map(
    ([reason, packets]) => [reason, packets - (before[reason] ?? 0)] as const,
  );
  return Object.fromEntries(pairs.filter(([, packets]) => packets !== 0));
}

/** SPIs that an agent receives on, without those in their grace time. */
export function receiveSpis(status: Status): Set<number> {
  return new Set(status.peers.flatMap((peer) => peer.sas.rx).map(({ spi }) => Number.parseInt(spi, 16)));
}

export function residentBytes(agent: Agent): number {
  const status = readFileSync(`/proc/${agent.pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? Number.NaN) * 1024;
}

/** Datagrams that the kernel dropped at a host's UDP port, its socket's buffer being full. */
export async function socketDrops(host: Namespace, port: number): Promise<number> {
  const { stdout } = await host.exec(['cat', '/proc/net/udp', '/proc/net/udp6']);
  const wanted = `:${port.toString(16).toUpperCase()}`;
  const rows = stdout.split('\n').map((line) => line.trim().split(/\s+/));
  return rows.filter((row) => row[1]?.endsWith(wanted)).reduce((sum, row) => sum + Number(row.at(-1)), 0);
}
