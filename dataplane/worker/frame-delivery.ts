/**
 * Gives frames that came from peers to local ports of a switch, joined to super-frames where a port
 * takes them.
 *
 *     nextAt ─▶ (opened there) ─▶ deliver ─▶ port.transmit
 *                                    └─▶ coalescer ─▶ port.transmitSuper
 */
import type { Switch } from '../l2/switch.ts';
import { FrameCoalescer } from '../path/frame-coalesce.ts';
import type { LinkParts } from './link.ts';
import type { LocalPort } from './local-port.ts';
import type { LocalPorts } from './local-ports.ts';

/** In a coalescer's context: the peer's slot, and above it the place of the port that the frame goes to. */
const SLOT_BITS = 16;
const SLOT_MASK = 0xffff;
/** In place of the slot for a frame that another port has: it counts as delivered. No peer has it. */
const HAS_ARRIVED = 0;

/** Owned by the worker of its network. */
export class FrameDelivery {
  readonly #parts: LinkParts;
  readonly #locals: LocalPorts;
  readonly #switch: Switch;
  readonly #coalescer: FrameCoalescer;

  /** @param own Its targets are where frames go. */
  constructor(parts: LinkParts, locals: LocalPorts, own: Switch) {
    this.#parts = parts;
    this.#locals = locals;
    this.#switch = own;
    this.#coalescer = new FrameCoalescer(parts.coalescer, parts.arena);
  }

  /** Where the next frame, of `maxLen` bytes at most, is to be opened to. */
  nextAt(maxLen: number): number {
    return this.#coalescer.nextAt(maxLen);
  }

  /**
   * Gives the frame at the last `nextAt` to the first `count` of the switch's targets, which are local
   * ports. It is delivered if one of them takes it.
   *
   * @param slot Of the peer, whose counters know when none does.
   */
  deliver(at: number, len: number, count: number, slot: number): void {
    let merged: LocalPort | undefined;
    let isTaken = false;
    for (let i = 0; i < count; i++) {
      const to = this.#locals.get(this.#switch.targets[i] ?? 0);
      if (to === undefined) continue;
      if (!to.port.takesSupers) isTaken = to.port.transmit(at, len) || isTaken;
      else if (merged === undefined) merged = to;
      else isTaken = this.#transmitCopy(to, at, len) || isTaken;
    }
    if (merged !== undefined) this.#merge(merged, len, isTaken ? HAS_ARRIVED : slot);
    else if (!isTaken) this.#parts.engine.countRefused(slot, 1, len);
  }

  /** Hands over what was kept for more to join. */
  flush(): void {
    if (this.#coalescer.flush()) this.#handOver();
  }

  /** What goes before the frame in memory is others'. */
  #transmitCopy(to: LocalPort, at: number, len: number): boolean {
    const { arena, frameAt } = this.#parts;
    arena.bytes.copyWithin(frameAt, at, at + len);
    return to.port.transmit(frameAt, len);
  }

  #merge(to: LocalPort, len: number, slot: number): void {
    const context = ((to.id - this.#locals.first) << SLOT_BITS) | slot;
    if (this.#coalescer.add(len, context)) this.#handOver();
  }

  #handOver(): void {
    const coalescer = this.#coalescer;
    const { engine } = this.#parts;
    while (coalescer.take()) {
      const { context } = coalescer;
      const slot = context & SLOT_MASK;
      const to = this.#locals.get((context >>> SLOT_BITS) + this.#locals.first);
      if (to?.port.transmitSuper(coalescer.packetAt, coalescer.packetLen) || slot === HAS_ARRIVED) continue;
      engine.countRefused(slot, coalescer.packets, coalescer.bytes);
    }
  }
}
