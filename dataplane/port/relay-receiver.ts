/**
 * What came to a relay's sockets: as much of one session as waits, up to a call's worth.
 *
 * @see recvmmsg(2), udp(7) UDP_GRO
 */
import type { Arena } from '../io/arena.ts';
import { recvmmsg } from '../io/libc.ts';
import { UdpMessages } from './udp-messages.ts';

const UDP_GRO = 104;
const BUFFER_LEN = 65_536;
const MAX_DATAGRAM_LEN = 65_535;
/** Messages that a call takes. */
const WIDTH = 8;

/** Bytes that the constructor takes. */
export const RELAY_RECEIVER_LEN = WIDTH * (BUFFER_LEN + 256);

/** Owned by one worker. */
export class RelayReceiver {
  readonly #messages: UdpMessages;
  readonly #buffersAt: number;

  constructor(arena: Arena) {
    this.#messages = new UdpMessages(arena, WIDTH);
    this.#buffersAt = arena.take(WIDTH * BUFFER_LEN);
    for (let i = 0; i < WIDTH; i++) {
      this.#messages.setBuffer(i, this.#buffersAt + i * BUFFER_LEN, MAX_DATAGRAM_LEN);
    }
  }

  /** @returns How many messages came; none is 0, be it for an error, which the call took away. */
  receive(fd: number): number {
    for (let i = 0; i < WIDTH; i++) this.#messages.expect(i);
    return Math.max(0, recvmmsg(fd, this.#messages.address(0), WIDTH, 0, 0));
  }

  /** Offset of what came, one datagram or several in a row. */
  at(index: number): number {
    return this.#buffersAt + index * BUFFER_LEN;
  }

  len(index: number): number {
    return this.#messages.receivedLen(index);
  }

  /** Length of every datagram in a message but the last. */
  segmentLen(index: number): number {
    const segmentLen = this.#messages.segment(index, UDP_GRO);
    return segmentLen > 0 ? segmentLen : this.len(index);
  }
}
