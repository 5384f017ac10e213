/**
 * A network of IP packets on one queue: what peers send goes to the host's TUN queue, where the
 * network has one, and to its guests.
 *
 *     RX  engine.decap ─▶ coalescer ─▶ tun.transmit
 *                └──────▶ guests
 *
 * @see tun-source.ts for the other direction
 */
import { SEALED_OVERHEAD } from '../path/seal-frame.ts';
import { TunQueue } from '../port/tun.ts';
import { GuestRouter } from './guest-router.ts';
import type { Link, LinkParts, Source } from './link.ts';
import { TunSource } from './tun-source.ts';

/** Housekeeping of tables, in ms. */
const SWEEP_MS = 30_000;

export class RoutedLink implements Link {
  readonly vni: number;
  readonly guests: GuestRouter;
  readonly #parts: LinkParts;
  #tun: TunQueue | null = null;
  #sweptAtMs = 0;

  constructor(vni: number, parts: LinkParts) {
    this.vni = vni;
    this.#parts = parts;
    this.guests = new GuestRouter(vni, parts);
  }

  /** Gives the network its TUN queue. @param onLost Somebody removed the interface. @returns What is to be polled. */
  attachTun(fd: number, onLost: () => void): Source {
    const tun = new TunQueue(fd, this.#parts.arena, this.#parts.readAt);
    this.#tun = tun;
    this.guests.tun = tun;
    return new TunSource(this.vni, tun, this.#parts, this.guests, onLost);
  }

  /** Forgets what is old; to be called about once a second. */
  sweep(nowMs: number): void {
    if (nowMs - this.#sweptAtMs < SWEEP_MS) return;
    this.#sweptAtMs = nowMs;
    this.guests.sweep(nowMs);
  }

  open(frameAt: number, frameLen: number, sourceAt: number, nowMs: number): void {
    const { coalescer, engine } = this.#parts;
    const at = coalescer.nextAt(Math.max(0, frameLen - SEALED_OVERHEAD));
    const len = engine.decap(frameAt, frameLen, sourceAt, at, nowMs);
    const peer = engine.lastPeer;
    if (len <= 0 || peer === null) return;
    if (!this.guests.isIdle && this.guests.takeOpened(at, len, peer.slot, nowMs)) return;
    if (coalescer.add(len, peer.slot)) this.#deliver();
  }

  flush(): void {
    if (this.#parts.coalescer.flush()) this.#deliver();
  }

  #deliver(): void {
    const { coalescer, engine } = this.#parts;
    while (coalescer.take()) {
      if (this.#tun?.transmit(coalescer.packetAt, coalescer.packetLen)) continue;
      engine.countRefused(coalescer.context, coalescer.packets, coalescer.bytes);
    }
  }
}
