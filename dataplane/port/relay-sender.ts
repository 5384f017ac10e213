/**
 * Datagrams to one of a relay's sockets, as many as came in a row for the same session.
 *
 * They leave with one sendmmsg(2); those of one size are one message, which the kernel cuts
 * (UDP_SEGMENT). A guest that sends a large file over QUIC sends in such runs. Of 1,400 bytes a datagram
 * takes 0.65 µs in a run of one size, 1.9 in one of several sizes, 3.3 alone (Node 20, loopback).
 *
 * @see udp(7), sendmmsg(2)
 */
import type { Arena } from '../io/arena.ts';
import { Errno, errno, memcpy, sendmmsg } from '../io/libc.ts';
import { UdpMessages } from './udp-messages.ts';

const UDP_SEGMENT = 103;
const MSG_DONTWAIT_NOSIGNAL = 0x40 | 0x4000;
/** Largest payload of a UDP datagram over IPv4, and so of one message. */
const MAX_MESSAGE_LEN = 65_507;
/** Kernel's UDP_MAX_SEGMENTS before Linux 6.9. */
const MAX_SEGMENTS = 64;
const MAX_MESSAGES = 32;
const BUFFER_LEN = 2 * 65_536;
/** The socket's buffer is full: the rest would meet the same. */
const NOT_RETRIED: ReadonlySet<number> = new Set([Errno.EAGAIN, Errno.ENOBUFS]);
/** Number of the message for datagrams that are sent alone. */
const SINGLE = MAX_MESSAGES;

/** Bytes that the constructor takes. */
export const RELAY_SENDER_LEN = BUFFER_LEN + (MAX_MESSAGES + 1) * 256;

export interface RelaySendEvents {
  /** Told for datagrams in a row that left, and how many bytes they have. */
  onSent(slot: number, datagrams: number, bytes: number): void;
  /** Told for each that did not. @param at Where it lies in the arena, only until this returns. */
  onFailed(slot: number, reason: number, at: number, len: number): void;
}

/** Owned by one worker. */
export class RelaySender {
  readonly #arena: Arena;
  readonly #events: RelaySendEvents;
  readonly #messages: UdpMessages;
  readonly #bufferAt: number;
  /** By message: where it begins, its length, its datagrams and their length. */
  readonly #ats = new Int32Array(MAX_MESSAGES);
  readonly #lens = new Int32Array(MAX_MESSAGES);
  readonly #counts = new Int32Array(MAX_MESSAGES);
  readonly #sizes = new Int32Array(MAX_MESSAGES);
  #fd = -1;
  #slot = 0;
  #count = 0;
  #usedLen = 0;
  /** Whether the last message takes no more. */
  #isClosed = false;

  constructor(arena: Arena, events: RelaySendEvents) {
    this.#arena = arena;
    this.#events = events;
    this.#messages = new UdpMessages(arena, MAX_MESSAGES + 1);
    this.#bufferAt = arena.take(BUFFER_LEN);
  }

  /**
   * Queues a datagram for a session's socket; those before it that are for another one leave.
   *
   * @param from Machine address of its data, which is copied.
   * @param len  At most 65,527 bytes.
   */
  add(fd: number, slot: number, from: number, len: number): void {
    if (fd !== this.#fd || this.#usedLen + len > BUFFER_LEN) this.flush();
    this.#fd = fd;
    this.#slot = slot;
    if (!this.#fits(len)) this.#begin(len);
    const last = this.#count - 1;
    const at = this.#bufferAt + this.#usedLen;
    memcpy(this.#arena.base + at, from, len);
    this.#usedLen += len;
    this.#lens[last] = (this.#lens[last] ?? 0) + len;
    this.#counts[last] = (this.#counts[last] ?? 0) + 1;
    if (len < (this.#sizes[last] ?? 0)) this.#isClosed = true;
  }

  /** Sends what waits for a socket, before it is closed or changed. */
  settle(fd: number): void {
    if (fd === this.#fd) this.flush();
  }

  /** Sends what waits. */
  flush(): void {
    const count = this.#count;
    if (count === 0) return;
    this.#count = 0;
    for (let i = 0; i < count; i++) {
      this.#messages.setBuffer(i, this.#ats[i] ?? 0, this.#lens[i] ?? 0);
      this.#messages.setSegment(i, UDP_SEGMENT, (this.#counts[i] ?? 0) > 1 ? (this.#sizes[i] ?? 0) : 0);
    }
    for (let sent = 0; sent < count; ) {
      const address = this.#messages.address(sent);
      const result = sendmmsg(this.#fd, address, count - sent, MSG_DONTWAIT_NOSIGNAL);
      if (result > 0) {
        for (const end = sent + result; sent < end; sent++) {
          this.#events.onSent(this.#slot, this.#counts[sent] ?? 0, this.#lens[sent] ?? 0);
        }
      } else this.#sendSingly(sent++, errno());
    }
    this.#usedLen = 0;
    this.#fd = -1;
  }

  #fits(len: number): boolean {
    const last = this.#count - 1;
    if (last < 0 || this.#isClosed || len === 0 || len > (this.#sizes[last] ?? 0)) return false;
    const total = (this.#lens[last] ?? 0) + len;
    return total <= MAX_MESSAGE_LEN && (this.#counts[last] ?? 0) < MAX_SEGMENTS;
  }

  #begin(len: number): void {
    if (this.#count === MAX_MESSAGES) {
      const fd = this.#fd;
      this.flush();
      this.#fd = fd;
    }
    const index = this.#count++;
    this.#ats[index] = this.#bufferAt + this.#usedLen;
    this.#lens[index] = 0;
    this.#counts[index] = 0;
    this.#sizes[index] = len;
    this.#isClosed = false;
  }

  /** What may be refused is the merged message, or what an earlier datagram met on its way. */
  #sendSingly(index: number, refusal: number): void {
    const size = this.#sizes[index] ?? 0;
    const end = (this.#ats[index] ?? 0) + (this.#lens[index] ?? 0);
    let at = this.#ats[index] ?? 0;
    let reason = refusal;
    for (let left = this.#counts[index] ?? 0; left > 0; left--) {
      const len = Math.min(size, end - at);
      if (!NOT_RETRIED.has(reason)) reason = this.#sendOne(at, len);
      if (reason === 0) this.#events.onSent(this.#slot, 1, len);
      else this.#events.onFailed(this.#slot, reason, at, len);
      at += len;
    }
  }

  /** @returns 0, or the errno. */
  #sendOne(at: number, len: number): number {
    this.#messages.setBuffer(SINGLE, at, len);
    this.#messages.setSegment(SINGLE, UDP_SEGMENT, 0);
    const address = this.#messages.address(SINGLE);
    if (sendmmsg(this.#fd, address, 1, MSG_DONTWAIT_NOSIGNAL) > 0) return 0;
    // The first failure may be an ICMP error about an earlier datagram, which is told once.
    return sendmmsg(this.#fd, address, 1, MSG_DONTWAIT_NOSIGNAL) > 0 ? 0 : errno();
  }
}
