/** UDP with sequence numbers at a steady rate from inside a namespace: counts what is lost. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { ProbeSocket } from '../../dataplane/io/probe-socket.ts';

const SLICE_MS = 1;
/** What is on its way when the sender stops still counts. */
const DRAIN_MS = 500;
const MAX_DATAGRAM_LEN = 65_535;
/** Behind by more than this, after a pause of the machine, the rest is skipped, not burst out. */
const MAX_BURST_MS = 20;

export interface UdpSent {
  readonly sent: number;
  readonly seconds: number;
}

export interface UdpReceived {
  /** Datagrams with distinct sequence numbers. */
  readonly received: number;
  readonly duplicates: number;
  /** Datagrams that came after one with a higher number. */
  readonly reordered: number;
  /** Longest time between two datagrams in ms. */
  readonly longest_gap_ms: number;
}

/** Sends datagrams numbered from 0 (first four bytes, big endian) until standard input ends. */
export async function sendUdp(
  address: string,
  port: number,
  { mbit, length }: { mbit: number; length: number },
): Promise<UdpSent> {
  const socket = new ProbeSocket(address, port, false);
  const stopped = untilInputEnds();
  const datagram = new Uint8Array(Math.max(4, length));
  const view = new DataView(datagram.buffer);
  const intervalMs = (datagram.length * 8) / (mbit * 1_000);
  const startedAtMs = performance.now();
  let dueAtMs = startedAtMs;
  let sent = 0;
  while (!stopped.now) {
    const nowMs = performance.now();
    dueAtMs = Math.max(dueAtMs, nowMs - MAX_BURST_MS);
    for (; dueAtMs <= nowMs; dueAtMs += intervalMs) {
      view.setUint32(0, sent);
      if (socket.send(datagram)) sent++;
    }
    socket.wait(SLICE_MS);
    await nextTurn();
  }
  socket.close();
  return { sent, seconds: (performance.now() - startedAtMs) / 1_000 };
}

/** Counts datagrams until standard input ends, and what arrives shortly after. */
export async function sinkUdp(address: string, port: number, onReady: () => void): Promise<UdpReceived> {
  const socket = new ProbeSocket(address, port, true);
  const stopped = untilInputEnds();
  const tally = new SequenceTally();
  const datagram = new Uint8Array(MAX_DATAGRAM_LEN);
  const view = new DataView(datagram.buffer);
  onReady();
  let endAtMs = Number.POSITIVE_INFINITY;
  for (;;) {
    const nowMs = performance.now();
    while (socket.receive(datagram) >= 4) tally.add(view.getUint32(0), nowMs);
    if (stopped.now && endAtMs === Number.POSITIVE_INFINITY) endAtMs = nowMs + DRAIN_MS;
    if (nowMs > endAtMs) break;
    socket.wait(SLICE_MS);
    await nextTurn();
  }
  socket.close();
  return tally.result();
}

/** Which sequence numbers came. */
export class SequenceTally {
  #seen = new Uint8Array(65_536);
  #highest = -1;
  #lastAtMs = 0;
  #received = 0;
  #duplicates = 0;
  #reordered = 0;
  #longestGapMs = 0;

  add(sequence: number, nowMs: number): void {
    if (sequence >= this.#seen.length) this.#grow(sequence);
    if (this.#received > 0) this.#longestGapMs = Math.max(this.#longestGapMs, nowMs - this.#lastAtMs);
    this.#lastAtMs = nowMs;
    if (this.#seen[sequence] === 1) {
      this.#duplicates++;
      return;
    }
    this.#seen[sequence] = 1;
    this.#received++;
    if (sequence < this.#highest) this.#reordered++;
    else this.#highest = sequence;
  }

  /** @throws {RangeError} for a number that no sender of ours would reach. */
  #grow(sequence: number): void {
    if (sequence > 0xfff_ffff) throw new RangeError(`sequence number ${sequence} makes no sense`);
    const seen = new Uint8Array(2 ** Math.ceil(Math.log2(sequence + 1)));
    seen.set(this.#seen);
    this.#seen = seen;
  }

  result(): UdpReceived {
    return {
      received: this.#received,
      duplicates: this.#duplicates,
      reordered: this.#reordered,
      longest_gap_ms: Math.round(this.#longestGapMs),
    };
  }
}

function untilInputEnds(): { readonly now: boolean } {
  const state = { now: false };
  const stop = () => {
    state.now = true;
  };
  process.stdin.on('end', stop).on('error', stop).resume();
  return state;
}
