/**
 * The loop of one queue: gives each network's ports and the underlay their turns until the main
 * thread says stop. Knows no protocol; sleeps in poll(2) when idle.
 *
 *     TX  source.take ─▶ engine ─▶ sender.commit … flush
 *     RX  receiver.receive ─▶ link.open … flush
 */
import type { Arena } from '../io/arena.ts';
import { drainEventFd } from '../io/eventfd.ts';
import { schedYield } from '../io/libc.ts';
import type { Engine } from '../path/engine.ts';
import { takeFrameBuffer } from '../port/frame-port.ts';
import { MAX_FRAME_LEN } from '../port/tun.ts';
import { UdpReceiver } from '../port/udp-receiver.ts';
import { type SendEvents, SendResult, UdpSender } from '../port/udp-sender.ts';
import * as ethernet from '../wire/ethernet.ts';
import { MAX_ANSWER_LEN } from '../wire/icmp.ts';
import { KeepaliveTimer } from './keepalive-timer.ts';
import { type Link, type LinkParts, type Outlet, type Source, TURN_FRAMES } from './link.ts';
import type { WorkerSetup } from './messages.ts';
import { nowMs } from './now.ts';
import type { Offload } from './offload-select.ts';
import { PollSet } from './poll-set.ts';
import { StrayLink } from './stray-link.ts';
import { WaitWindow } from './wait-window.ts';

/** Header, tag and room to align. */
const FRAME_CAPACITY = MAX_FRAME_LEN + 128;
/** In front of an answer: an address that it may come from, a virtio_net_hdr, and an Ethernet header. */
const HEADROOM = 64;
const HOUSEKEEPING_MS = 1_000;
/** Places in the poll set, in front of the sources'. */
const Poll = { udp: 0, wake: 1, sources: 2 } as const;
const MAX_SOURCES = 1_024;

export interface QueueLoopEvents {
  /** The path to a peer refused a frame as too large; told once a second at most. */
  onPathTooSmall(slot: number): void;
  /** About once a second. */
  onHousekeeping(nowMs: number): void;
}

export class QueueLoop implements SendEvents {
  /** What links of this loop are made with. */
  readonly parts: LinkParts;
  readonly #receiver: UdpReceiver;
  readonly #sender: UdpSender;
  readonly #engine: Engine;
  readonly #wakeFd: number;
  readonly #poll: PollSet;
  readonly #sources: Source[] = [];
  readonly #outlets: Outlet[] = [];
  readonly #links = new Map<number, Link>();
  readonly #stray: StrayLink;
  /** The link that opened the last frame of a turn; it may keep packets for more to join. */
  #opening: Link;
  readonly #keepalives: KeepaliveTimer;
  readonly #events: QueueLoopEvents;
  readonly #window = new WaitWindow();
  #pathReportedAtMs = 0;

  constructor(setup: WorkerSetup, arena: Arena, engine: Engine, offload: Offload, events: QueueLoopEvents) {
    this.#engine = engine;
    this.#wakeFd = setup.wakeFd;
    this.#events = events;
    this.#receiver = new UdpReceiver(setup.udpFd, arena);
    this.#sender = new UdpSender(setup.sendFd, setup.socketFamily, arena, FRAME_CAPACITY, this);
    const { segmenter, coalescer } = offload;
    const frameAt = takeFrameBuffer(arena);
    const readAt = frameAt + ethernet.HEADER_LEN;
    const scratchAt = arena.take(HEADROOM + ethernet.MAX_HEADER_LEN + MAX_ANSWER_LEN) + HEADROOM;
    this.parts = { arena, engine, sender: this.#sender, segmenter, coalescer, readAt, frameAt, scratchAt };
    // Persistent keepalives are the first queue's task; one lane keeps the path open.
    this.#keepalives = new KeepaliveTimer(engine, setup.queue === 0);
    this.#poll = new PollSet(arena, Poll.sources + MAX_SOURCES);
    this.#poll.add(setup.udpFd);
    this.#poll.add(setup.wakeFd);
    this.#stray = new StrayLink(engine);
    this.#opening = this.#stray;
  }

  /** Frames of its network go to this link from now on. */
  addLink(link: Link): void {
    this.#links.set(link.vni, link);
  }

  /** Its frames are strays from now on; its sources are the caller's to remove. */
  removeLink(vni: number): void {
    this.#links.delete(vni);
    if (this.#opening.vni === vni) this.#opening = this.#stray;
  }

  /** @throws {RangeError} when there are as many as can be. */
  addSource(source: Source): void {
    this.#poll.add(source.fd);
    this.#sources.push(source);
  }

  /** Asks a source no more; an unknown one is fine. */
  removeSource(source: Source): void {
    const index = this.#sources.indexOf(source);
    if (index < 0) return;
    this.#sources.splice(index, 1);
    this.#poll.remove(Poll.sources + index);
  }

  /** It is told of the end of every turn from now on. */
  addOutlet(outlet: Outlet): void {
    this.#outlets.push(outlet);
  }

  removeOutlet(outlet: Outlet): void {
    const index = this.#outlets.indexOf(outlet);
    if (index >= 0) this.#outlets.splice(index, 1);
  }

  /** @param takeMessages Called when woken; returns false to stop. */
  run(takeMessages: () => boolean): void {
    let housekeepingAtMs = 0;
    for (let running = takeMessages(); running; ) {
      const now = this.turn(HOUSEKEEPING_MS);
      if (this.#poll.isReady(Poll.wake)) {
        drainEventFd(this.#wakeFd);
        running = takeMessages();
      }
      if (now >= housekeepingAtMs) {
        this.#keepHouse(now);
        housekeepingAtMs = now + HOUSEKEEPING_MS;
      }
    }
  }

  /** Waits for something to do, and gives each side one turn. @returns The time. */
  turn(timeoutMs: number): number {
    const windowMs = Math.min(timeoutMs, this.#window.ms);
    const ready = windowMs > 0 ? this.#look(windowMs, timeoutMs) : this.#poll.wait(timeoutMs);
    const now = nowMs();
    if (ready > 0) this.#move(now);
    return now;
  }

  /** Waits after a request: awake at first. @returns How many are ready. */
  #look(windowMs: number, timeoutMs: number): number {
    const startedAtMs = nowMs();
    const poll = this.#poll;
    let ready = poll.wait(0);
    for (; ready === 0 && nowMs() - startedAtMs < windowMs; ready = poll.wait(0)) schedYield();
    if (ready === 0) ready = poll.wait(timeoutMs);
    // A next request is no answer.
    const isAnswered = poll.isReady(Poll.udp);
    this.#window.waited(isAnswered ? nowMs() - startedAtMs : Number.POSITIVE_INFINITY);
    return ready;
  }

  /** Sends one keepalive on this queue's lane, if the peer has one. */
  sendKeepalive(slot: number, now: number): void {
    const len = this.#engine.keepalive(slot, this.#sender.nextAt, now);
    const peer = this.#engine.lastPeer;
    if (len > 0 && peer !== null) this.#sender.commit(len, peer.endpointWords, slot);
    this.#sender.flush();
  }

  /** Gives each side one turn, if it has something. */
  #move(now: number): void {
    const poll = this.#poll;
    const hasFrames = poll.isReady(Poll.udp);
    let taken = 0;
    for (let i = 0; i < this.#sources.length; i++) {
      const source = this.#sources[i];
      if (source === undefined) continue;
      const place = Poll.sources + i;
      if (poll.isBroken(place)) {
        // It would be ready for ever.
        if (source.fail(now)) poll.mute(place);
        // To find that out it may have taken what waited.
        this.#sender.flush();
      } else if (poll.isReady(place)) taken += source.take(now);
      else source.idle();
    }
    if (taken > 0) this.#sender.flush();
    this.#window.turned(taken, hasFrames ? this.#receive(now) : 0);
    for (const outlet of this.#outlets) outlet.flush();
  }

  /** @returns Frames taken. */
  #receive(now: number): number {
    const receiver = this.#receiver;
    let frames = 0;
    while (frames < TURN_FRAMES || receiver.hasMore) {
      const len = receiver.receive();
      if (len < 0) break;
      const { batchAt, segmentLen } = receiver;
      let offset = 0;
      do {
        this.#open(batchAt + offset, Math.min(segmentLen, len - offset), now);
        offset += segmentLen;
        frames++;
      } while (offset < len);
    }
    this.#opening.flush();
    return frames;
  }

  #open(frameAt: number, frameLen: number, now: number): void {
    const vni = this.#engine.vniOf(frameAt, frameLen);
    if (vni !== this.#opening.vni) {
      // All links join packets in the same place.
      this.#opening.flush();
      this.#opening = this.#links.get(vni) ?? this.#stray;
    }
    this.#opening.open(frameAt, frameLen, this.#receiver.sourceAt, now);
  }

  onSent(result: SendResult, frames: number, bytes: number, slot: number): void {
    if (result === SendResult.sent) return;
    this.#engine.countSendFailure(slot, frames, bytes, result === SendResult.tooLarge);
    const now = nowMs();
    if (result === SendResult.tooLarge && now - this.#pathReportedAtMs >= HOUSEKEEPING_MS) {
      this.#pathReportedAtMs = now;
      this.#events.onPathTooSmall(slot);
    }
  }

  #keepHouse(now: number): void {
    this.#engine.sweep(now);
    for (const [i, source] of this.#sources.entries()) if (source.check()) this.#poll.mute(Poll.sources + i);
    for (const link of this.#links.values()) link.sweep(now);
    for (const outlet of this.#outlets) outlet.sweep(now);
    this.#keepalives.due(now, (slot) => this.sendKeepalive(slot, now));
    this.#events.onHousekeeping(now);
  }
}
