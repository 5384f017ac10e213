/**
 * What all local Ethernet ports are to a worker: it takes frames from them and hands frames to them.
 *
 * A port is opened on the main thread, by a function that gives plain data with the descriptor,
 * and wrapped in the worker. It keeps nothing in the arena but the buffer for what is received,
 * which all ports of a worker share: so ports may come and go while the arena stays as it is.
 * Whoever opened a port closes its descriptor, once no worker uses it.
 */
import type { Arena } from '../io/arena.ts';
import { HEADER_LEN } from '../wire/ethernet.ts';
import { MAX_FRAME_LEN } from './tun.ts';

/** Ethernet header with two VLAN tags: what a frame may be longer than its payload. */
export const MAX_FRAME_OVERHEAD = 22;
export const MIN_FRAME_LEN = HEADER_LEN;

/** Frames that `receive` skips before it lets others have their turn: poll(2) tells of the rest. */
export const MAX_SKIPS = 64;

/** Room in front of a received frame: virtio_net_hdr, 32 bytes for whoever prepends, and an IP header at 64. */
const FRAME_IN_BUFFER_AT = 50;
/** Behind it: headers are copied in words, which may read past the end. */
const TAIL_LEN = 16;

/** What went through a port since it was made. A super-frame is one frame. */
export interface PortCounts {
  readonly rxFrames: number;
  readonly rxBytes: number;
  readonly txFrames: number;
  readonly txBytes: number;
  /** Received, but not given: malformed, or of nobody. */
  readonly rxDropped: number;
  /** Given to `transmit`, but not taken. */
  readonly txDropped: number;
}

/** One port, owned by one worker. */
export interface FramePort {
  readonly fd: number;
  /** Whether received frames have a virtio_net_hdr in front: they may be super-frames, and may lack checksums. */
  readonly givesSupers: boolean;
  /** Whether such frames may be sent as they are. */
  readonly takesSupers: boolean;
  /** Offset of the frame that `receive` gave (all ports of a worker share the buffer). */
  readonly frameAt: number;
  /**
   * Whether nothing will ever come again, because the other side is gone: `receive` or a transmission
   * found out, or asking does. poll(2) may report the descriptor for ever, so it is to be taken out of
   * the set, or say nothing of it: ask about once a second.
   */
  readonly isClosed: boolean;
  /**
   * Called for whatever poll(2) reports, errors too, until it gives 0.
   *
   * @returns Length of the frame at `frameAt`; 0 when there is none; counts and skips bad ones.
   */
  receive(): number;
  /** Sends a complete frame; the 10 bytes before it may be overwritten. Never blocks. @returns Whether it was taken. */
  transmit(at: number, len: number): boolean;
  /** As `transmit` for a super-frame with its virtio_net_hdr in the 10 bytes before; only where takesSupers. */
  transmitSuper(at: number, len: number): boolean;
  readonly counts: PortCounts;
}

/** The counts as their port writes them. */
export class FrameCounts implements PortCounts {
  rxFrames = 0;
  rxBytes = 0;
  txFrames = 0;
  txBytes = 0;
  rxDropped = 0;
  txDropped = 0;

  /** @returns `len`, of a frame that was received. */
  received(len: number): number {
    this.rxFrames++;
    this.rxBytes += len;
    return len;
  }

  /** @returns Whether the frame was taken, as given. */
  sent(len: number, isTaken: boolean): boolean {
    if (isTaken) {
      this.txFrames++;
      this.txBytes += len;
    } else {
      this.txDropped++;
    }
    return isTaken;
  }
}

/**
 * Takes the buffer that all ports of a worker receive into.
 *
 * @returns Where frames go: what the ports' constructors call `readAt`. 50 bytes before it are the buffer's too.
 */
export function takeFrameBuffer(arena: Arena): number {
  return arena.take(FRAME_IN_BUFFER_AT + MAX_FRAME_LEN + TAIL_LEN) + FRAME_IN_BUFFER_AT;
}
