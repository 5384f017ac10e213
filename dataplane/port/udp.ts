/**
 * Sealed frames between the underlay and the engine, in batches.
 *
 * Received datagrams of one source may come merged (UDP_GRO) and are handed out one by one.
 * Sent frames of one size to one peer are gathered and leave with one sendmsg (UDP_SEGMENT).
 *
 * @see udp(7), Documentation/networking/segmentation-offloads.rst
 */
import type { Arena } from '../io/arena.ts';
import { Errno, errno, poll, recvmsg, sendmsg } from '../io/libc.ts';
import { ENDPOINT_LEN, readSockaddr, writeSockaddr } from '../wire/endpoint.ts';

/** Largest payload of one UDP datagram over IPv4, and so of one batch. */
const MAX_BATCH_LEN = 65_507;
/** Kernel's UDP_MAX_SEGMENTS before Linux 6.9. */
const MAX_BATCH_FRAMES = 64;
const SOCKADDR_LEN = 28;
const SOL_UDP = 17;
const UDP_SEGMENT = 103;
const UDP_GRO = 104;
/** struct msghdr on 64-bit Linux. */
const MsgAt = { name: 0, nameLen: 8, iov: 16, iovLen: 24, control: 32, controlLen: 40, flags: 48 } as const;
const MSGHDR_LEN = 56;
/** struct cmsghdr: length (8), level (4), type (4), data. */
const CMSG_DATA_AT = 16;
const CMSG_SEGMENT_LEN = 18;
const CMSG_SPACE = 64;
const POLLOUT = 4;
/**
 * Why a merged send fails whose frames may pass singly. EIO: the device below can't segment for
 * us, now or later. EMSGSIZE, EINVAL before Linux 6.13: frames larger than the path, which IP
 * fragments where the socket allows it, but not merged ones.
 */
const MERGE_REFUSALS: ReadonlySet<number> = new Set([Errno.EIO, Errno.EMSGSIZE, Errno.EINVAL]);
/** How long a full socket may hold up the queue before a batch is dropped. */
const SEND_WAIT_MS = 10;

/** What became of a batch. */
export const SendResult = { sent: 0, failed: 1, tooLarge: 2 } as const;
export type SendResult = (typeof SendResult)[keyof typeof SendResult];

interface Message {
  readonly headerAt: number;
  readonly iovAt: number;
  readonly controlAt: number;
  readonly nameAt: number;
}

function makeMessage(arena: Arena): Message {
  const headerAt = arena.take(MSGHDR_LEN);
  const iovAt = arena.take(16);
  const controlAt = arena.take(CMSG_SPACE);
  const nameAt = arena.take(SOCKADDR_LEN);
  arena.setPointer(headerAt + MsgAt.name, nameAt);
  arena.setPointer(headerAt + MsgAt.iov, iovAt);
  arena.view.setUint32(headerAt + MsgAt.iovLen, 1, true);
  arena.setPointer(headerAt + MsgAt.control, controlAt);
  return { headerAt, iovAt, controlAt, nameAt };
}

/** Receiving half: one datagram, or several merged ones of the same source, a call. */
export class UdpReceiver {
  readonly fd: number;
  /** First byte of what the last `receive` got. */
  readonly batchAt: number;
  /** Endpoint record of the last batch's source. */
  readonly sourceAt: number;
  /** Length of every datagram of the last batch but its last, in bytes. */
  segmentLen = 0;
  readonly #arena: Arena;
  readonly #message: Message;

  constructor(fd: number, arena: Arena) {
    this.fd = fd;
    this.#arena = arena;
    this.#message = makeMessage(arena);
    this.batchAt = arena.take(65_536);
    this.sourceAt = arena.take(ENDPOINT_LEN);
    arena.setPointer(this.#message.iovAt, this.batchAt);
    arena.view.setUint32(this.#message.iovAt + 8, 65_535, true);
  }

  /** @returns Bytes at `batchAt`, 0 for an empty datagram, -1 when there is none. */
  receive(): number {
    const { view, base } = this.#arena;
    const { headerAt, controlAt, nameAt } = this.#message;
    view.setUint32(headerAt + MsgAt.nameLen, SOCKADDR_LEN, true);
    view.setUint32(headerAt + MsgAt.controlLen, CMSG_SPACE, true);
    const len = recvmsg(this.fd, base + headerAt, 0);
    if (len < 0) return -1;
    this.segmentLen = len;
    if (
      view.getUint32(headerAt + MsgAt.controlLen, true) > CMSG_DATA_AT &&
      view.getInt32(controlAt + 8, true) === SOL_UDP &&
      view.getInt32(controlAt + 12, true) === UDP_GRO
    ) {
      this.segmentLen = view.getInt32(controlAt + CMSG_DATA_AT, true);
    }
    readSockaddr(view, nameAt, this.sourceAt);
    return len;
  }
}

/**
 * Sending half. The caller writes a frame at `nextAt` and commits it; frames leave when one
 * comes that does not fit the batch, and at `flush`.
 */
export class UdpSender {
  readonly fd: number;
  /** Where the next frame goes; `frameCapacity` bytes are free there. */
  nextAt: number;
  /** Whether the kernel merges sends; goes off when the device below refuses. */
  gso: boolean;
  readonly #arena: Arena;
  readonly #family: number;
  readonly #message: Message;
  readonly #bufferAt: number;
  readonly #lastStartAt: number;
  readonly #pollAt: number;
  readonly #onResult: (result: SendResult, frames: number, bytes: number, context: number) => void;
  #startAt: number;
  #count = 0;
  #frameLen = 0;
  #closed = false;
  #context = 0;
  readonly #words = new Uint32Array(5);

  /**
   * @param family AF_INET or AF_INET6, the socket's.
   * @param frameCapacity Longest frame, in bytes.
   * @param onResult Called once for each batch with the context of its frames.
   */
  constructor(
    fd: number,
    family: number,
    arena: Arena,
    frameCapacity: number,
    onResult: (result: SendResult, frames: number, bytes: number, context: number) => void,
  ) {
    this.fd = fd;
    this.gso = true;
    this.#family = family;
    this.#arena = arena;
    this.#onResult = onResult;
    this.#message = makeMessage(arena);
    const len = 2 * MAX_BATCH_LEN + frameCapacity;
    this.#bufferAt = arena.take(len);
    this.#lastStartAt = this.#bufferAt + len - frameCapacity;
    this.#pollAt = arena.take(8);
    this.#startAt = this.#bufferAt;
    this.nextAt = this.#bufferAt;
    const { view } = arena;
    view.setUint32(this.#message.controlAt, CMSG_SEGMENT_LEN, true);
    view.setInt32(this.#message.controlAt + 8, SOL_UDP, true);
    view.setInt32(this.#message.controlAt + 12, UDP_SEGMENT, true);
    view.setInt32(this.#pollAt, fd, true);
    view.setInt16(this.#pollAt + 4, POLLOUT, true);
  }

  /**
   * Queues the frame of `len` bytes at `nextAt` for an endpoint.
   *
   * @param words Endpoint record as five big-endian words.
   * @param context Given back with the batch's result; frames of one batch share it.
   */
  commit(len: number, words: Uint32Array, context: number): void {
    const frameAt = this.nextAt;
    if (this.#count > 0 && !this.#fits(len, words, context)) {
      this.flush();
      this.#startAt = frameAt;
    }
    if (this.#count === 0) {
      this.#startAt = frameAt;
      this.#frameLen = len;
      this.#context = context;
      this.#words.set(words);
    }
    if (len < this.#frameLen) this.#closed = true;
    this.#count++;
    this.nextAt = frameAt + len;
    if (this.nextAt > this.#lastStartAt || !this.gso) this.flush();
  }

  /** Sends what is queued. */
  flush(): void {
    if (this.#count === 0) return;
    const len = this.nextAt - this.#startAt;
    const frames = this.#count;
    this.#count = 0;
    this.#closed = false;
    this.#send(this.#startAt, len, frames);
    this.nextAt = this.#bufferAt;
    this.#startAt = this.#bufferAt;
  }

  #fits(len: number, words: Uint32Array, context: number): boolean {
    if (this.#closed || len > this.#frameLen || this.#count >= MAX_BATCH_FRAMES) return false;
    if (context !== this.#context || this.nextAt + len - this.#startAt > MAX_BATCH_LEN) return false;
    const own = this.#words;
    for (let i = 0; i < 5; i++) if (own[i] !== words[i]) return false;
    return true;
  }

  #send(at: number, len: number, frames: number): void {
    const error = this.#sendOnce(at, len, frames > 1);
    if (frames > 1 && MERGE_REFUSALS.has(error)) {
      const sent = this.#sendSingly(at, len);
      if (sent && error === Errno.EIO) this.gso = false;
      return;
    }
    this.#report(error, frames, len);
  }

  /** @returns Whether all frames were sent. */
  #sendSingly(at: number, len: number): boolean {
    let ok = true;
    for (let offset = 0; offset < len; offset += this.#frameLen) {
      const frameLen = Math.min(this.#frameLen, len - offset);
      const error = this.#sendOnce(at + offset, frameLen, false);
      this.#report(error, 1, frameLen);
      if (error !== 0) ok = false;
    }
    return ok;
  }

  #report(error: number, frames: number, len: number): void {
    const { sent, failed, tooLarge } = SendResult;
    const result = error === 0 ? sent : error === Errno.EMSGSIZE ? tooLarge : failed;
    this.#onResult(result, frames, len, this.#context);
  }

  /** @returns 0, or the errno. */
  #sendOnce(at: number, len: number, segmented: boolean): number {
    const { view, base } = this.#arena;
    const { headerAt, iovAt, controlAt, nameAt } = this.#message;
    this.#arena.setPointer(iovAt, at);
    view.setUint32(iovAt + 8, len, true);
    view.setUint32(headerAt + MsgAt.nameLen, writeSockaddr(view, nameAt, this.#words, this.#family), true);
    view.setUint16(controlAt + CMSG_DATA_AT, this.#frameLen, true);
    view.setUint32(headerAt + MsgAt.controlLen, segmented ? 24 : 0, true);
    for (let waited = false; ; ) {
      if (sendmsg(this.fd, base + headerAt, 0) >= 0) return 0;
      const error = errno();
      if (error === Errno.EINTR) continue;
      if (waited || (error !== Errno.EAGAIN && error !== Errno.ENOBUFS)) return error;
      // Backpressure: the packets behind this batch wait in the kernel's queue, not in ours.
      poll(base + this.#pollAt, 1, SEND_WAIT_MS);
      waited = true;
    }
  }
}
