/** Queues whose networks have relays, with guests on sockets and others outside at loopback. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { RelayReading, RelaySpec } from '../../../dataplane/worker/messages.ts';
import type { RelaySession } from '../../../dataplane/worker/relay-listing.ts';
import { VNI } from '../path/host.ts';
import { addressBytes, readUdp, type UdpRead, udpPacket } from '../relay/packets.ts';
import type { Outer, SwitchHost } from './switch-rig.ts';

const PATIENCE_MS = 5_000;
/** Of the relay in network 7, and of its guests. */
export const ROUTER = '026963000007';
export const MAC_A = '0200000000aa';
export const MAC_B = '0200000000bb';
export const RELAY_4 = '10.77.0.254';
export const RELAY_6 = 'fd77::254';
export const A4 = '10.77.0.9';
export const A6 = 'fd77::9';
export const B4 = '10.77.0.10';
const ALLOWED = { allow: ['127.0.0.0/8', '::1/128'] };

export function relaySpec(overrides: Partial<RelaySpec> = {}): RelaySpec {
  return {
    port: 0,
    mac: '02:69:63:00:00:07',
    addresses: { v4: RELAY_4, v6: RELAY_6 },
    resolver: null,
    rules: ALLOWED,
    host: [],
    limits: { maxSessions: 64, maxPerGuest: 32, idleMs: 60_000 },
    shares: 1,
    mtuBytes: 1_400,
    ...overrides,
  };
}

export function setRelay(host: SwitchHost, relay: RelaySpec | null, vni = VNI): void {
  host.apply({ kind: 'setRelay', vni, relay });
}

export function sessions(host: SwitchHost, vni = VNI): readonly RelaySession[] {
  return host.apply({ kind: 'listRelay', vni }) as readonly RelaySession[];
}

export function reading(host: SwitchHost, vni = VNI): RelayReading | null {
  return host.apply({ kind: 'readRelay', vni }) as RelayReading | null;
}

export interface Datagram {
  readonly from?: string;
  readonly fromPort?: number;
  readonly to?: string;
  readonly toPort: number;
  readonly data?: Uint8Array;
}

export function datagram({ from = A4, fromPort = 5_000, to, toPort, data }: Datagram): Buffer {
  const there = to ?? (from.includes(':') ? '::1' : '127.0.0.1');
  return udpPacket({ from, fromPort, to: there, toPort, data: data ?? Buffer.from('hello') });
}

export function frameOf(packet: Uint8Array, { to = ROUTER, from = MAC_A, tag = '' } = {}): Buffer {
  const type = (packet[0] ?? 0) >>> 4 === 4 ? '0800' : '86dd';
  return Buffer.concat([Buffer.from(`${to}${from}${tag}${type}`, 'hex'), packet]);
}

/** An IP packet in a frame, and the MAC addresses of the frame in hex. */
export interface Framed {
  readonly to: string;
  readonly from: string;
  readonly packet: Buffer;
}

export function readFrame(frame: Uint8Array): Framed {
  const bytes = Buffer.from(frame);
  return {
    to: bytes.toString('hex', 0, 6),
    from: bytes.toString('hex', 6, 12),
    packet: bytes.subarray(14),
  };
}

/** Type and code of an ICMP error, and where it is from. */
export function readError(packet: Buffer): { type: string; from: string } {
  const at = packet[0] === 0x45 ? 20 : 40;
  const from = packet.toString('hex', at === 20 ? 12 : 8, at === 20 ? 16 : 24);
  return { type: `${packet[at]}/${packet[at + 1]}`, from };
}

/** What a packet says, but its data as text. */
export function textOf(packet: Buffer): Omit<UdpRead, 'data'> & { readonly data: string } {
  const udp = readUdp(packet);
  return { ...udp, data: udp.data.toString() };
}

/** Turns of all hosts until a port has so many frames. */
export async function until(outer: Outer, count: number, ...hosts: readonly SwitchHost[]): Promise<Buffer[]> {
  const frames: Buffer[] = [];
  const endAtMs = performance.now() + PATIENCE_MS;
  for (;;) {
    for (const host of hosts) host.settle();
    frames.push(...outer.drain().map((frame) => Buffer.from(frame)));
    if (frames.length >= count) return frames;
    if (performance.now() > endAtMs) throw new Error(`only ${frames.length} of ${count} frames came`);
    await sleep(2);
  }
}

/** Turns of all hosts for long enough that something would have come. */
export async function quiet(outer: Outer, ...hosts: readonly SwitchHost[]): Promise<Uint8Array[]> {
  for (let i = 0; i < 10; i++) {
    for (const host of hosts) host.settle();
    await sleep(5);
  }
  return outer.drain();
}

export function hexOf(ip: string): string {
  return addressBytes(ip).toString('hex');
}
