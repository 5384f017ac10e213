/** One queue of a TAP device as a port. @see openTap in tun.ts */
import type { Arena } from '../io/arena.ts';
import { Errno, errno } from '../io/libc.ts';
import { FrameCounts, type FramePort } from './frame-port.ts';
import { TunQueue } from './tun.ts';

export interface TapSpec {
  /** One of the device's descriptors. */
  readonly fd: number;
}

/** Owned by one worker. The kernel gives and takes whole frames only, of sizes that the interface allows. */
export class TapPort implements FramePort {
  readonly fd: number;
  readonly givesSupers = true;
  readonly takesSupers = true;
  readonly frameAt: number;
  readonly counts = new FrameCounts();
  isClosed = false;
  readonly #queue: TunQueue;

  /** @param readAt From `takeFrameBuffer`. */
  constructor(spec: TapSpec, arena: Arena, readAt: number) {
    this.fd = spec.fd;
    this.frameAt = readAt;
    this.#queue = new TunQueue(spec.fd, arena, readAt);
  }

  receive(): number {
    const len = this.#queue.receive();
    if (len > 0) return this.counts.received(len);
    // The interface is gone; while it is only down there is just nothing to read.
    if (errno() === Errno.EBADFD) this.isClosed = true;
    return 0;
  }

  transmit(at: number, len: number): boolean {
    return this.counts.sent(len, this.#queue.transmitPlain(at, len));
  }

  transmitSuper(at: number, len: number): boolean {
    return this.counts.sent(len, this.#queue.transmit(at, len));
  }
}
