/**
 * Frames from the underlay, as many as wait with one call.
 *
 * Datagrams of one source may come merged (UDP_GRO, up to 64 KB), those that do not merge come
 * side by side (recvmmsg). While they come merged, two buffers are used again and again, which
 * stay in the cache; sixteen are while they do not, since then a call costs more than its copy.
 *
 * @see udp(7), recvmmsg(2)
 */
import type { Arena } from '../io/arena.ts';
import { recvmmsg } from '../io/libc.ts';
import { ENDPOINT_LEN, readSockaddr } from '../wire/endpoint.ts';
import { UdpMessages } from './udp-messages.ts';

const UDP_GRO = 104;
const BUFFER_LEN = 65_536;
const MAX_DATAGRAM_LEN = 65_535;
/** Messages that a call takes while they come merged, and while they do not. */
const NARROW = 2;
const WIDE = 16;

/** Owned by one worker. */
export class UdpReceiver {
  readonly fd: number;
  /** First byte of what the last `receive` gave. */
  batchAt = 0;
  /** Endpoint record of its source. */
  readonly sourceAt: number;
  /** Length of every datagram in it but the last, in bytes. */
  segmentLen = 0;
  readonly #arena: Arena;
  readonly #messages: UdpMessages;
  readonly #buffersAt: number;
  #width = WIDE;
  #came = 0;
  #next = 0;
  /** Whether the last call found less than it had room for. */
  #isDrained = false;

  constructor(fd: number, arena: Arena) {
    this.fd = fd;
    this.#arena = arena;
    this.#messages = new UdpMessages(arena, WIDE);
    this.#buffersAt = arena.take(WIDE * BUFFER_LEN);
    this.sourceAt = arena.take(ENDPOINT_LEN);
    for (let i = 0; i < WIDE; i++) {
      this.#messages.setBuffer(i, this.#buffersAt + i * BUFFER_LEN, MAX_DATAGRAM_LEN);
    }
  }

  /** Whether something was received that `receive` has not given yet: no poll(2) tells of it. */
  get hasMore(): boolean {
    return this.#next < this.#came;
  }

  /** @returns Bytes at `batchAt`, one datagram or several of one source; 0 for an empty one, -1 when none waits. */
  receive(): number {
    if (this.#next >= this.#came && !this.#fill()) return -1;
    const index = this.#next++;
    const messages = this.#messages;
    const len = messages.receivedLen(index);
    const segmentLen = messages.segment(index, UDP_GRO);
    this.segmentLen = segmentLen > 0 ? segmentLen : len;
    if (this.segmentLen < len) this.#width = NARROW;
    else if (this.#next === this.#came && this.#came === this.#width) this.#width = WIDE;
    this.batchAt = this.#buffersAt + index * BUFFER_LEN;
    readSockaddr(this.#arena.view, messages.nameAt(index), this.sourceAt);
    return len;
  }

  #fill(): boolean {
    this.#next = 0;
    this.#came = 0;
    if (this.#isDrained) {
      // What came since wakes poll(2).
      this.#isDrained = false;
      return false;
    }
    const width = this.#width;
    for (let i = 0; i < width; i++) this.#messages.expect(i);
    this.#came = Math.max(0, recvmmsg(this.fd, this.#messages.address(0), width, 0, 0));
    this.#isDrained = this.#came > 0 && this.#came < width;
    return this.#came > 0;
  }
}
