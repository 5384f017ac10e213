/**
 * Datagrams that wait until the socket of their session is open, in order, in memory of fixed size:
 * chunks, chained by their numbers.
 */
import { NONE } from './index-lists.ts';

export interface WaitingLimits {
  /** Datagrams of one session. */
  readonly maxPerSession: number;
  /** Memory for all, in chunks of CHUNK_LEN bytes. */
  readonly maxChunks: number;
}

export const WAITING_LIMITS: WaitingLimits = { maxPerSession: 64, maxChunks: 1_024 };

export const CHUNK_LEN = 2_048;

/** Owned by one worker. */
export class WaitingDatagrams {
  readonly #limits: WaitingLimits;
  readonly #view: DataView;
  readonly #at: number;
  /** Free chunks, as a stack. */
  readonly #free: Int32Array;
  #freeCount: number;
  /** By chunk: the next one of the datagram, and for the first one the next datagram and the length. */
  readonly #rest: Int32Array;
  readonly #nextDatagram: Int32Array;
  readonly #lenOf: Int32Array;
  /** By session: the first chunks of its first and last datagram. */
  readonly #first: Int32Array;
  readonly #last: Int32Array;
  readonly #countOf: Int32Array;

  /**
   * @param sessions Sessions are numbered from 0 to one less.
   * @param at       Where maxChunks × CHUNK_LEN bytes are free.
   */
  constructor(limits: WaitingLimits, sessions: number, view: DataView, at: number) {
    const { maxChunks } = limits;
    this.#limits = limits;
    this.#view = view;
    this.#at = at;
    this.#free = Int32Array.from({ length: maxChunks }, (_, i) => maxChunks - 1 - i);
    this.#freeCount = maxChunks;
    this.#rest = new Int32Array(maxChunks);
    this.#nextDatagram = new Int32Array(maxChunks);
    this.#lenOf = new Int32Array(maxChunks);
    this.#first = new Int32Array(sessions).fill(NONE);
    this.#last = new Int32Array(sessions).fill(NONE);
    this.#countOf = new Int32Array(sessions);
  }

  /** Chunks in use. */
  get chunks(): number {
    return this.#limits.maxChunks - this.#freeCount;
  }

  /** Copies a datagram of `len` bytes. @returns Whether there was room. */
  add(session: number, from: DataView, fromAt: number, len: number): boolean {
    const count = this.#countOf[session] ?? 0;
    const needed = Math.max(1, Math.ceil(len / CHUNK_LEN));
    if (count >= this.#limits.maxPerSession || needed > this.#freeCount) return false;
    const first = this.#takeChunk();
    for (let chunk = first, done = 0; ; ) {
      const piece = Math.min(len - done, CHUNK_LEN);
      copy(from, fromAt + done, this.#view, this.#at + chunk * CHUNK_LEN, piece);
      done += piece;
      if (done >= len) break;
      const next = this.#takeChunk();
      this.#rest[chunk] = next;
      chunk = next;
    }
    this.#lenOf[first] = len;
    if (count === 0) this.#first[session] = first;
    else this.#nextDatagram[this.#last[session] ?? 0] = first;
    this.#last[session] = first;
    this.#countOf[session] = count + 1;
    return true;
  }

  count(session: number): number {
    return this.#countOf[session] ?? 0;
  }

  /** Moves a session's first datagram to `at` of the same memory. @returns Its length, −1 when none waits. */
  take(session: number, at: number): number {
    const count = this.#countOf[session] ?? 0;
    if (count === 0) return -1;
    const first = this.#first[session] ?? 0;
    const len = this.#lenOf[first] ?? 0;
    const view = this.#view;
    for (let chunk = first, done = 0; chunk !== NONE; ) {
      const piece = Math.min(len - done, CHUNK_LEN);
      copy(view, this.#at + chunk * CHUNK_LEN, view, at + done, piece);
      done += piece;
      const next = this.#rest[chunk] ?? NONE;
      this.#giveChunk(chunk);
      chunk = next;
    }
    this.#first[session] = this.#nextDatagram[first] ?? NONE;
    this.#countOf[session] = count - 1;
    return len;
  }

  /** Drops what waits for a session. @returns How many datagrams that was. */
  clear(session: number): number {
    const count = this.#countOf[session] ?? 0;
    let datagram = this.#first[session] ?? NONE;
    for (let i = 0; i < count; i++) {
      const following = this.#nextDatagram[datagram] ?? NONE;
      for (let chunk = datagram; chunk !== NONE; ) {
        const next = this.#rest[chunk] ?? NONE;
        this.#giveChunk(chunk);
        chunk = next;
      }
      datagram = following;
    }
    this.#countOf[session] = 0;
    return count;
  }

  #takeChunk(): number {
    const chunk = this.#free[--this.#freeCount] ?? 0;
    this.#rest[chunk] = NONE;
    return chunk;
  }

  #giveChunk(chunk: number): void {
    this.#free[this.#freeCount++] = chunk;
  }
}

function copy(from: DataView, fromAt: number, to: DataView, toAt: number, len: number): void {
  let done = 0;
  for (; done + 4 <= len; done += 4) to.setInt32(toAt + done, from.getInt32(fromAt + done));
  for (; done < len; done++) to.setUint8(toAt + done, from.getUint8(fromAt + done));
}
