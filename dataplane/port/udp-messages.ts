/**
 * What sendmmsg(2) and recvmmsg(2) take: message headers in a row, each with one buffer, one
 * address and one control message, all in the arena and linked once.
 */
import type { Arena } from '../io/arena.ts';
import { SOCKADDR_IN6_LEN } from '../wire/endpoint.ts';

const SOL_UDP = 17;
/** struct mmsghdr on 64-bit Linux: a struct msghdr of 56 bytes, then the length that came. */
const MMSGHDR_LEN = 64;
const MsgAt = { name: 0, nameLen: 8, iov: 16, iovLen: 24, control: 32, controlLen: 40, len: 56 } as const;
const IOVEC_LEN = 16;
/** struct cmsghdr: length (8), level (4), type (4), data. */
const CmsgAt = { len: 0, level: 8, type: 12, data: 16 } as const;
const CONTROL_SPACE = 64;
/** Length of a control message with a 16-bit value, as its header says, and with padding. */
const CMSG_SEGMENT_LEN = 18;
const CMSG_SEGMENT_SPACE = 24;
const NAME_SPACE = 32;

/** Owned by one port of one worker. */
export class UdpMessages {
  readonly #arena: Arena;
  readonly #headersAt: number;
  readonly #iovecsAt: number;
  readonly #controlsAt: number;
  readonly #namesAt: number;

  /** @param count Messages in the row. */
  constructor(arena: Arena, count: number) {
    this.#arena = arena;
    this.#headersAt = arena.take(count * MMSGHDR_LEN);
    this.#iovecsAt = arena.take(count * IOVEC_LEN);
    this.#controlsAt = arena.take(count * CONTROL_SPACE);
    this.#namesAt = arena.take(count * NAME_SPACE);
    for (let i = 0; i < count; i++) {
      const headerAt = this.#headersAt + i * MMSGHDR_LEN;
      arena.setPointer(headerAt + MsgAt.name, this.nameAt(i));
      arena.setPointer(headerAt + MsgAt.iov, this.#iovecsAt + i * IOVEC_LEN);
      arena.view.setUint32(headerAt + MsgAt.iovLen, 1, true);
      arena.setPointer(headerAt + MsgAt.control, this.#controlsAt + i * CONTROL_SPACE);
    }
  }

  /** Machine address of message `index`, of it and those behind it. */
  address(index: number): number {
    return this.#arena.base + this.#headersAt + index * MMSGHDR_LEN;
  }

  /** Offset of the sockaddr of a message. */
  nameAt(index: number): number {
    return this.#namesAt + index * NAME_SPACE;
  }

  setNameLen(index: number, len: number): void {
    this.#arena.view.setUint32(this.#headersAt + index * MMSGHDR_LEN + MsgAt.nameLen, len, true);
  }

  /** Lets a message be of the `len` bytes at `at`. */
  setBuffer(index: number, at: number, len: number): void {
    const iovecAt = this.#iovecsAt + index * IOVEC_LEN;
    this.#arena.setPointer(iovecAt, at);
    this.#arena.view.setUint32(iovecAt + 8, len, true);
  }

  /** Length of a received message. */
  receivedLen(index: number): number {
    return this.#arena.view.getInt32(this.#headersAt + index * MMSGHDR_LEN + MsgAt.len, true);
  }

  /** Makes room for the address and the control message of what is received next. */
  expect(index: number): void {
    const { view } = this.#arena;
    const headerAt = this.#headersAt + index * MMSGHDR_LEN;
    view.setInt32(headerAt + MsgAt.nameLen, SOCKADDR_IN6_LEN, true);
    view.setInt32(headerAt + MsgAt.controlLen, CONTROL_SPACE, true);
  }

  /** Tells the kernel to cut a message into datagrams of `segmentLen` bytes; 0 sends it whole. */
  setSegment(index: number, type: number, segmentLen: number): void {
    const { view } = this.#arena;
    const headerAt = this.#headersAt + index * MMSGHDR_LEN;
    view.setInt32(headerAt + MsgAt.controlLen, segmentLen === 0 ? 0 : CMSG_SEGMENT_SPACE, true);
    if (segmentLen === 0) return;
    const controlAt = this.#controlsAt + index * CONTROL_SPACE;
    view.setInt32(controlAt + CmsgAt.len, CMSG_SEGMENT_LEN, true);
    view.setInt32(controlAt + CmsgAt.level, SOL_UDP, true);
    view.setInt32(controlAt + CmsgAt.type, type, true);
    view.setUint16(controlAt + CmsgAt.data, segmentLen, true);
  }

  /** The value of a received control message of this type, 0 when there is none. */
  segment(index: number, type: number): number {
    const { view } = this.#arena;
    const headerAt = this.#headersAt + index * MMSGHDR_LEN;
    const controlAt = this.#controlsAt + index * CONTROL_SPACE;
    if (view.getInt32(headerAt + MsgAt.controlLen, true) <= CmsgAt.data) return 0;
    if (view.getInt32(controlAt + CmsgAt.level, true) !== SOL_UDP) return 0;
    return view.getInt32(controlAt + CmsgAt.type, true) === type
      ? view.getInt32(controlAt + CmsgAt.data, true)
      : 0;
  }
}
