/**
 * Frames to the underlay, as many as there are with one call.
 *
 * Frames of one size to one peer merge into one message, which the kernel cuts (UDP_SEGMENT);
 * messages leave side by side (sendmmsg), those that are large enough at once.
 *
 * @see udp(7), sendmmsg(2), Documentation/networking/segmentation-offloads.rst
 */
import type { Arena } from '../io/arena.ts';
import { Errno, errno, poll, sendmmsg } from '../io/libc.ts';
import { writeSockaddr } from '../wire/endpoint.ts';
import { UdpMessages } from './udp-messages.ts';

const UDP_SEGMENT = 103;
/** Largest payload of one UDP datagram over IPv4, and so of one message. */
const MAX_MESSAGE_LEN = 65_507;
/** Kernel's UDP_MAX_SEGMENTS before Linux 6.9. */
const MAX_MESSAGE_FRAMES = 64;
/** Messages that wait for one call. */
const MAX_MESSAGES = 32;
/** Bytes that wait for others: beyond, a call costs little beside what it sends, and the peer is idle. */
const MAX_WAITING_LEN = 32_768;
const POLLOUT = 4;
/**
 * Why a merged send fails whose frames may pass singly. EIO: the device below can't segment for
 * us, now or later. EMSGSIZE, EINVAL before Linux 6.13: frames larger than the path, which IP
 * fragments where the socket allows it, but not merged ones.
 */
const MERGE_REFUSALS: ReadonlySet<number> = new Set([Errno.EIO, Errno.EMSGSIZE, Errno.EINVAL]);
/** How long a full socket may hold up the queue before a message is dropped. */
const SEND_WAIT_MS = 10;

/** What became of a message. */
export const SendResult = { sent: 0, failed: 1, tooLarge: 2 } as const;
export type SendResult = (typeof SendResult)[keyof typeof SendResult];

export interface SendEvents {
  /** Told once for each message, or for each of its frames: how many, their bytes, what came with them. */
  onSent(result: SendResult, frames: number, bytes: number, context: number): void;
}

/** Frames of one size to one endpoint; only the last may be shorter. */
interface Message {
  at: number;
  len: number;
  frames: number;
  frameLen: number;
  context: number;
  readonly words: Uint32Array;
}

/** The caller writes a frame at `nextAt` and commits it; `flush` sends what waits. Owned by one worker. */
export class UdpSender {
  readonly fd: number;
  /** Where the next frame goes; `frameCapacity` bytes are free there. */
  nextAt: number;
  /** Whether the kernel cuts messages; goes off when the device below refuses. */
  gso = true;
  readonly #arena: Arena;
  readonly #family: number;
  readonly #events: SendEvents;
  readonly #messages: UdpMessages;
  readonly #waiting: readonly Message[];
  readonly #bufferAt: number;
  readonly #lastStartAt: number;
  readonly #pollAt: number;
  #count = 0;
  #isClosed = false;

  /**
   * @param family AF_INET or AF_INET6, the socket's.
   * @param frameCapacity Longest frame, in bytes.
   */
  constructor(fd: number, family: number, arena: Arena, frameCapacity: number, events: SendEvents) {
    this.fd = fd;
    this.#family = family;
    this.#arena = arena;
    this.#events = events;
    // One more, to send the frames of a message one by one.
    this.#messages = new UdpMessages(arena, MAX_MESSAGES + 1);
    this.#waiting = Array.from({ length: MAX_MESSAGES }, makeMessage);
    const len = 2 * MAX_MESSAGE_LEN + frameCapacity;
    this.#bufferAt = arena.take(len);
    this.#lastStartAt = this.#bufferAt + len - frameCapacity;
    this.#pollAt = arena.take(8);
    this.nextAt = this.#bufferAt;
    arena.view.setInt32(this.#pollAt, fd, true);
    arena.view.setInt16(this.#pollAt + 4, POLLOUT, true);
  }

  /**
   * Queues the frame of `len` bytes at `nextAt` for an endpoint.
   *
   * @param words Endpoint record as five big-endian words.
   * @param context Given back with the result; frames of one message share it.
   */
  commit(len: number, words: Uint32Array, context: number): void {
    const frameAt = this.nextAt;
    const last = this.#waiting[this.#count - 1];
    if (last !== undefined && this.#fits(last, len, words, context)) {
      last.frames++;
      last.len += len;
      if (len < last.frameLen) this.#isClosed = true;
    } else {
      if (this.#isFull(frameAt)) this.#send();
      this.#begin(frameAt, len, words, context);
    }
    this.nextAt = frameAt + len;
    if (this.nextAt > this.#lastStartAt) this.flush();
  }

  /** Sends what waits. */
  flush(): void {
    if (this.#count > 0) this.#send();
    this.nextAt = this.#bufferAt;
  }

  /** Whether what waits, up to `endAt`, is enough for a call. */
  #isFull(endAt: number): boolean {
    const first = this.#count > 0 ? this.#waiting[0] : undefined;
    return this.#count === MAX_MESSAGES || (first !== undefined && endAt - first.at >= MAX_WAITING_LEN);
  }

  #fits(last: Message, len: number, words: Uint32Array, context: number): boolean {
    if (this.#isClosed || len > last.frameLen || last.frames >= MAX_MESSAGE_FRAMES || !this.gso) return false;
    if (context !== last.context || last.len + len > MAX_MESSAGE_LEN) return false;
    const own = last.words;
    for (let i = 0; i < 5; i++) if (own[i] !== words[i]) return false;
    return true;
  }

  #begin(at: number, len: number, words: Uint32Array, context: number): void {
    const message = this.#waiting[this.#count];
    if (message === undefined) throw new RangeError('no message is free after sending');
    this.#count++;
    this.#isClosed = false;
    message.at = at;
    message.len = len;
    message.frames = 1;
    message.frameLen = len;
    message.context = context;
    for (let i = 0; i < 5; i++) message.words[i] = words[i] ?? 0;
  }

  #send(): void {
    const count = this.#count;
    this.#count = 0;
    for (let i = 0; i < count; i++) {
      const message = this.#waiting[i];
      if (message !== undefined) this.#write(i, message, message.at, message.len, message.frames > 1);
    }
    for (let sent = 0; sent < count; ) {
      const result = sendmmsg(this.fd, this.#messages.address(sent), count - sent, 0);
      const error = result > 0 ? 0 : errno();
      for (const end = sent + Math.max(result, 1); sent < end; sent++) {
        const message = this.#waiting[sent];
        if (message !== undefined) this.#settle(sent, message, error);
      }
    }
  }

  /** Tells what became of a message, after trying what else there is when it failed with `error`. */
  #settle(index: number, message: Message, error: number): void {
    const { frames, len, context } = message;
    const final = error === 0 ? 0 : this.#sendAgain(index, error);
    if (frames > 1 && MERGE_REFUSALS.has(final)) this.#sendSingly(message, final);
    else this.#events.onSent(resultOf(final), frames, len, context);
  }

  #sendSingly(message: Message, refusal: number): void {
    let ok = true;
    for (let offset = 0; offset < message.len; offset += message.frameLen) {
      const len = Math.min(message.frameLen, message.len - offset);
      this.#write(MAX_MESSAGES, message, message.at + offset, len, false);
      const error = this.#sendAgain(MAX_MESSAGES, Errno.EINTR);
      this.#events.onSent(resultOf(error), 1, len, message.context);
      if (error !== 0) ok = false;
    }
    if (ok && refusal === Errno.EIO) this.gso = false;
  }

  #write(index: number, message: Message, at: number, len: number, isMerged: boolean): void {
    const messages = this.#messages;
    messages.setBuffer(index, at, len);
    const { view } = this.#arena;
    messages.setNameLen(index, writeSockaddr(view, messages.nameAt(index), message.words, this.#family));
    messages.setSegment(index, UDP_SEGMENT, isMerged ? message.frameLen : 0);
  }

  /**
   * Sends one message that was not sent, as far as waiting helps.
   *
   * @param error Why it was not; EINTR to just try.
   * @returns 0, or the errno.
   */
  #sendAgain(index: number, error: number): number {
    let waited = false;
    for (let reason = error; ; reason = errno()) {
      if (reason === Errno.EAGAIN || reason === Errno.ENOBUFS) {
        if (waited) return reason;
        // Backpressure: the packets behind wait in the kernel's queue, not in ours.
        poll(this.#arena.base + this.#pollAt, 1, SEND_WAIT_MS);
        waited = true;
      } else if (reason !== Errno.EINTR) return reason;
      if (sendmmsg(this.fd, this.#messages.address(index), 1, 0) > 0) return 0;
    }
  }
}

function makeMessage(): Message {
  return { at: 0, len: 0, frames: 0, frameLen: 0, context: 0, words: new Uint32Array(5) };
}

function resultOf(error: number): SendResult {
  if (error === 0) return SendResult.sent;
  return error === Errno.EMSGSIZE ? SendResult.tooLarge : SendResult.failed;
}
