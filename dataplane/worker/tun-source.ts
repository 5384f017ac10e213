/**
 * The TUN queue of a network of IP packets as a source of its loop: what the host sends is sealed for peers.
 *
 *     TX  tun.receive ─▶ segmenter ─▶ engine.select, seal ─▶ sender.commit
 *                            └──────▶ guests
 */
import { isBulk, mark } from '../path/congestion.ts';
import { DropCode } from '../path/drop.ts';
import type { TunQueue } from '../port/tun.ts';
import { writePacketTooBig } from '../wire/icmp.ts';
import type { GuestRouter } from './guest-router.ts';
import { type LinkParts, type Source, TURN_FRAMES } from './link.ts';
import { StandingQueue } from './standing-queue.ts';

export class TunSource implements Source {
  readonly fd: number;
  readonly #vni: number;
  readonly #tun: TunQueue;
  readonly #parts: LinkParts;
  readonly #guests: GuestRouter;
  readonly #onLost: () => void;
  readonly #standing = new StandingQueue();

  /** @param onLost Somebody removed the interface. */
  constructor(vni: number, tun: TunQueue, parts: LinkParts, guests: GuestRouter, onLost: () => void) {
    this.fd = tun.fd;
    this.#vni = vni;
    this.#tun = tun;
    this.#parts = parts;
    this.#guests = guests;
    this.#onLost = onLost;
  }

  take(nowMs: number): number {
    let frames = 0;
    while (frames < TURN_FRAMES) {
      const len = this.#tun.receive();
      if (len === 0) {
        this.#standing.empty();
        break;
      }
      frames += this.#seal(len, nowMs);
    }
    return frames;
  }

  idle(): void {
    this.#standing.empty();
  }

  fail(): boolean {
    this.#onLost();
    return true;
  }

  check(): boolean {
    return false;
  }

  /** Seals what the TUN queue gave. @returns How many packets that was. */
  #seal(len: number, nowMs: number): number {
    const { segmenter, engine, sender } = this.#parts;
    const isToLose = this.#isToLose(nowMs);
    const count = segmenter.begin(this.#tun.packetAt, len);
    if (count === 0) {
      engine.countMalformed();
      return 1;
    }
    let packetLen = segmenter.next();
    if (!this.#guests.isIdle && this.#guests.takeSegments(segmenter, packetLen, count, nowMs)) return count;
    const fault = engine.select(segmenter.at, packetLen, count, nowMs, this.#vni);
    const peer = engine.lastPeer;
    if (fault !== 0 || peer === null) {
      if (fault === -DropCode.txTooLarge) this.#answerTooLarge(segmenter.at, packetLen);
      return count;
    }
    if (isToLose) {
      engine.countCongestion();
      packetLen = segmenter.next();
    }
    for (; packetLen > 0; packetLen = segmenter.next()) {
      const frameLen = engine.seal(segmenter.at, packetLen, sender.nextAt, nowMs);
      if (frameLen > 0) sender.commit(frameLen, peer.endpointWords, peer.slot);
    }
    return count;
  }

  /** Tells the sender of what was just received to slow down, if that is due. @returns Whether by a loss. */
  #isToLose(nowMs: number): boolean {
    const { view } = this.#parts.arena;
    const { packetAt } = this.#tun;
    return isBulk(view, packetAt) && this.#standing.isDue(nowMs) && !mark(view, packetAt);
  }

  /** Tells the inner sender which size the path takes. @see RFC 1191, RFC 8201 */
  #answerTooLarge(packetAt: number, packetLen: number): void {
    const { engine, arena, scratchAt } = this.#parts;
    const peer = engine.lastPeer;
    if (peer === null) return;
    const len = writePacketTooBig(arena.view, packetAt, packetLen, peer.mtuBytes, -1, scratchAt);
    if (len > 0) this.#tun.transmitPlain(scratchAt, len);
  }
}
