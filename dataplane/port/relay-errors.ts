/** What the network says of datagrams that a relay's sockets sent. @see ip(7) IP_RECVERR, recvmsg(2) MSG_ERRQUEUE */
import type { Arena } from '../io/arena.ts';
import { recvmsg } from '../io/libc.ts';

const MSG_ERRQUEUE = 0x2000;
const MSG_DONTWAIT = 0x40;
/** struct sock_extended_err: who says it. @see linux/errqueue.h */
const ErrorOrigin = { icmp: 2, icmp6: 3 } as const;
const ErrorAt = { origin: 4, type: 5, code: 6, info: 8 } as const;

/** struct msghdr on 64-bit Linux. */
const MsgAt = { iov: 16, iovLen: 24, control: 32, controlLen: 40 } as const;
const CMSG_DATA_AT = 16;

/** Where things lie in the reader's memory. */
const At = { header: 0, iovec: 64, control: 128, data: 384 } as const;
const CONTROL_LEN = 256;
/** More than an ICMP error has room to quote. */
const DATA_LEN = 1_280;

/** Owned by one worker. */
export class RelayErrors {
  /** ICMP type and code, of the session's own IP version, and what the error adds: an MTU. */
  type = 0;
  code = 0;
  info = 0;
  /** Beginning of the data of the datagram that the error is about, as far as it was quoted. */
  readonly dataAt: number;
  dataLen = 0;
  readonly #arena: Arena;
  readonly #at: number;

  constructor(arena: Arena) {
    this.#arena = arena;
    this.#at = arena.take(At.data + DATA_LEN);
    this.dataAt = this.#at + At.data;
    arena.setPointer(this.#at + At.iovec, this.dataAt);
    arena.view.setUint32(this.#at + At.iovec + 8, DATA_LEN, true);
    arena.setPointer(this.#at + At.header + MsgAt.iov, this.#at + At.iovec);
    arena.view.setUint32(this.#at + At.header + MsgAt.iovLen, 1, true);
    arena.setPointer(this.#at + At.header + MsgAt.control, this.#at + At.control);
  }

  /**
   * Takes the next error from a socket's queue.
   *
   * @returns 1 for one that ICMP told, 0 for another one, −1 when there is none.
   */
  next(fd: number): number {
    const { view, base } = this.#arena;
    const headerAt = this.#at + At.header;
    view.setUint32(headerAt + MsgAt.controlLen, CONTROL_LEN, true);
    const len = recvmsg(fd, base + headerAt, MSG_ERRQUEUE | MSG_DONTWAIT);
    if (len < 0) return -1;
    this.dataLen = Math.min(len, DATA_LEN);
    // The first and only control message: nothing else was asked for.
    const errorAt = this.#at + At.control + CMSG_DATA_AT;
    const origin = view.getUint8(errorAt + ErrorAt.origin);
    if (origin !== ErrorOrigin.icmp && origin !== ErrorOrigin.icmp6) return 0;
    this.type = view.getUint8(errorAt + ErrorAt.type);
    this.code = view.getUint8(errorAt + ErrorAt.code);
    this.info = view.getInt32(errorAt + ErrorAt.info, true);
    return 1;
  }
}
