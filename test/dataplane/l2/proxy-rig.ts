/** A table with ports and a proxy under test, in memory that shows what is written astray. */
import { expect } from 'vitest';
import { MAX_NEIGHBOUR_ANSWER_LEN } from '../../../dataplane/l2/neighbour-answer.ts';
import { NeighbourCounter } from '../../../dataplane/l2/neighbour-counters.ts';
import { NeighbourTable } from '../../../dataplane/l2/neighbour-table.ts';
import { bytesOf } from './neighbour-frames.ts';

const FRAME_AT = 5;
const REPLY_AT = 2048;
const POISON = 0x5a;

/** Ports: two local ones, two peers, one of them the port that a slot without an entry seems to have. */
export const LOCAL = 1;
export const LOCAL_2 = 2;
export const PEER = 7;
export const PEER_2 = 0;

interface Receiver {
  receive(
    view: DataView,
    frameAt: number,
    frameLen: number,
    fromPort: number,
    replyAt: number,
    nowMs: number,
  ): number;
}

export class ProxyRig {
  readonly table = new NeighbourTable({ seed: 0x1234_5678 });
  nowMs = 1_000_000;
  readonly #proxy: Receiver;

  constructor(make: (table: NeighbourTable) => Receiver) {
    this.#proxy = make(this.table);
    for (const port of [LOCAL, LOCAL_2]) this.table.addPort(port, false);
    for (const port of [PEER, PEER_2]) this.table.addPort(port, true);
  }

  /** Hands in a frame, of which the last `cutLen` bytes are missing. @returns the answer in hex, '' without one. */
  receive(frame: string, fromPort: number, cutLen = 0): string {
    const bytes = bytesOf(frame);
    const frameLen = bytes.length - cutLen;
    const memory = new Uint8Array(REPLY_AT + 256).fill(POISON);
    memory.set(bytes, FRAME_AT);
    const view = new DataView(memory.buffer);
    const len = this.#proxy.receive(view, FRAME_AT, frameLen, fromPort, REPLY_AT, this.nowMs);
    expect(len).toBeLessThanOrEqual(MAX_NEIGHBOUR_ANSWER_LEN);
    expect(Buffer.from(memory.subarray(FRAME_AT, FRAME_AT + bytes.length))).toEqual(Buffer.from(bytes));
    expect(memory.subarray(REPLY_AT + len).every((byte) => byte === POISON)).toBe(true);
    return Buffer.from(memory.subarray(REPLY_AT, REPLY_AT + len)).toString('hex');
  }

  /** What the table holds: 'ip mac port', sorted. */
  get known(): string[] {
    return [...this.table.entries(this.nowMs)].map((e) => `${e.ip} ${e.mac} ${e.port}`).sort();
  }

  /** Counters that are not 0. */
  get counted(): Record<string, number> {
    const pairs = Object.entries(NeighbourCounter).map(([name, i]) => [name, this.table.counters[i] ?? 0]);
    return Object.fromEntries(pairs.filter(([, value]) => value !== 0));
  }
}
