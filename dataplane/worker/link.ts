/** A network as a queue's loop sees it: what it brings, and what becomes of what comes for it. */
import type { Arena } from '../io/arena.ts';
import type { Coalescer } from '../path/coalesce.ts';
import type { Engine } from '../path/engine.ts';
import type { Segmenter } from '../path/segment.ts';
import type { UdpSender } from '../port/udp-sender.ts';

/** Something local that packets come from: polled, then asked for what waits. */
export interface Source {
  readonly fd: number;
  /** Moves what waits, a turn's worth. @returns How many packets that was. */
  take(nowMs: number): number;
  /** There was nothing when others had something. */
  idle(): void;
  /** poll(2) reports an error. @returns Whether it is gone for good, and not to be asked any more. */
  fail(nowMs: number): boolean;
  /** For about once a second: poll(2) may not tell that it is gone. @returns As `fail`. */
  check(): boolean;
}

/** Something that keeps what it is given until the end of a turn. */
export interface Outlet {
  /** Sends what waits. */
  flush(): void;
  /** Forgets what is old; for about once a second. */
  sweep(nowMs: number): void;
}

/** One network on one queue. Owned by its worker. */
export interface Link {
  readonly vni: number;
  /**
   * Opens a frame of the network from the underlay.
   *
   * @param sourceAt Endpoint record of its outer source.
   */
  open(frameAt: number, frameLen: number, sourceAt: number, nowMs: number): void;
  /** Hands over what was kept for more to join: at the end of a turn, and before another link opens frames. */
  flush(): void;
  /** Forgets what is old; for about once a second. */
  sweep(nowMs: number): void;
}

/** What all links of a worker work with, one at a time. */
export interface LinkParts {
  readonly arena: Arena;
  readonly engine: Engine;
  readonly sender: UdpSender;
  readonly segmenter: Segmenter;
  readonly coalescer: Coalescer;
  /** Where a TUN queue puts what it receives, which nobody needs when the next source is asked. */
  readonly readAt: number;
  /** Where ports put the frames that they receive, in the same place. */
  readonly frameAt: number;
  /** MAX_ANSWER_LEN bytes for answers of our own, with room for a virtio_net_hdr and an Ethernet header in front. */
  readonly scratchAt: number;
}

/** Packets taken from one source, or frames from the underlay, before others have their turn: some 100 µs. */
export const TURN_FRAMES = 128;
