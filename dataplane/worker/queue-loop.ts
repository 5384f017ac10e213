/**
 * The loop of one queue: moves packets between its TUN queue and its UDP socket through the
 * engine until the main thread says stop. Knows no protocol; sleeps in poll(2) when idle.
 *
 *     TX  tun.receive ─▶ segmenter ─▶ engine.select, seal ─▶ sender.commit … flush
 *     RX  receiver.receive ─▶ engine.decap ─▶ coalescer ─▶ tun.transmit
 */
import type { Arena } from '../io/arena.ts';
import { drainEventFd } from '../io/eventfd.ts';
import { poll, schedYield } from '../io/libc.ts';
import type { Coalescer } from '../path/coalesce.ts';
import { isBulk, mark } from '../path/congestion.ts';
import { DropCode } from '../path/drop.ts';
import type { Engine } from '../path/engine.ts';
import { SEALED_OVERHEAD } from '../path/seal-frame.ts';
import type { Segmenter } from '../path/segment.ts';
import { MAX_PACKET_LEN, TunQueue } from '../port/tun.ts';
import { UdpReceiver } from '../port/udp-receiver.ts';
import { type SendEvents, SendResult, UdpSender } from '../port/udp-sender.ts';
import { writePacketTooBig } from '../wire/icmp.ts';
import { KeepaliveTimer } from './keepalive-timer.ts';
import type { WorkerSetup } from './messages.ts';
import { nowMs } from './now.ts';
import type { Offload } from './offload-select.ts';
import { StandingQueue } from './standing-queue.ts';
import { WaitWindow } from './wait-window.ts';

/** Frames sealed, or opened, before the other side has its turn: some 100 µs. */
const TURN_FRAMES = 128;
/** Header, tag and room to align. */
const FRAME_CAPACITY = MAX_PACKET_LEN + 128;
const HOUSEKEEPING_MS = 1_000;
/** struct pollfd */
const POLLFD_LEN = 8;
const POLLIN = 1;
const POLLERR = 8;
/** Places in the poll set. */
const Poll = { tun: 0, udp: 1, wake: 2 } as const;
/** ICMP answers are at most the IPv6 minimum MTU. */
const ICMP_CAPACITY = 1_280;

export interface QueueLoopEvents {
  /** The path to a peer refused a frame as too large; told once a second at most. */
  onPathTooSmall(slot: number): void;
  /** Somebody removed the TUN interface; the loop goes on without it. */
  onInterfaceLost(): void;
  /** About once a second. */
  onHousekeeping(nowMs: number): void;
}

export class QueueLoop implements SendEvents {
  readonly #tun: TunQueue;
  readonly #receiver: UdpReceiver;
  readonly #sender: UdpSender;
  readonly #engine: Engine;
  readonly #arena: Arena;
  readonly #wakeFd: number;
  readonly #pollAt: number;
  readonly #icmpAt: number;
  readonly #keepalives: KeepaliveTimer;
  readonly #segmenter: Segmenter;
  readonly #coalescer: Coalescer;
  readonly #events: QueueLoopEvents;
  readonly #window = new WaitWindow();
  readonly #standing = new StandingQueue();
  #pathReportedAtMs = 0;

  constructor(setup: WorkerSetup, arena: Arena, engine: Engine, offload: Offload, events: QueueLoopEvents) {
    this.#arena = arena;
    this.#engine = engine;
    this.#segmenter = offload.segmenter;
    this.#coalescer = offload.coalescer;
    this.#wakeFd = setup.wakeFd;
    this.#events = events;
    this.#tun = new TunQueue(setup.tunFd, arena);
    this.#receiver = new UdpReceiver(setup.udpFd, arena);
    this.#sender = new UdpSender(setup.sendFd, setup.socketFamily, arena, FRAME_CAPACITY, this);
    this.#icmpAt = arena.take(16 + ICMP_CAPACITY) + 16;
    // Persistent keepalives are the first queue's task; one lane keeps the path open.
    this.#keepalives = new KeepaliveTimer(engine, setup.queue === 0);
    this.#pollAt = this.#makePollSet([setup.tunFd, setup.udpFd, setup.wakeFd]);
  }

  /** @param takeMessages Called when woken; returns false to stop. */
  run(takeMessages: () => boolean): void {
    let housekeepingAtMs = 0;
    for (let running = takeMessages(); running; ) {
      const now = this.turn(HOUSEKEEPING_MS);
      if (this.#ready(Poll.wake) !== 0) {
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
    const ready = windowMs > 0 ? this.#look(windowMs, timeoutMs) : this.#poll(timeoutMs);
    const now = nowMs();
    if (ready > 0) this.#move(now);
    return now;
  }

  /** Waits after a request: awake at first. @returns As `#poll`. */
  #look(windowMs: number, timeoutMs: number): number {
    const startedAtMs = nowMs();
    let ready = this.#poll(0);
    for (; ready === 0 && nowMs() - startedAtMs < windowMs; ready = this.#poll(0)) schedYield();
    if (ready === 0) ready = this.#poll(timeoutMs);
    // A next request is no answer.
    const isAnswered = this.#ready(Poll.udp) !== 0;
    this.#window.waited(isAnswered ? nowMs() - startedAtMs : Number.POSITIVE_INFINITY);
    return ready;
  }

  /** @returns How many of the poll set are ready. */
  #poll(timeoutMs: number): number {
    return poll(this.#arena.base + this.#pollAt, 3, timeoutMs);
  }

  /** Sends one keepalive on this queue's lane, if the peer has one. */
  sendKeepalive(slot: number, now: number): void {
    const len = this.#engine.keepalive(slot, this.#sender.nextAt, now);
    const peer = this.#engine.lastPeer;
    if (len > 0 && peer !== null) this.#sender.commit(len, peer.endpointWords, slot);
    this.#sender.flush();
  }

  #makePollSet(fds: readonly number[]): number {
    const at = this.#arena.take(fds.length * POLLFD_LEN);
    fds.forEach((fd, i) => {
      this.#arena.view.setInt32(at + i * POLLFD_LEN, fd, true);
      this.#arena.view.setInt16(at + i * POLLFD_LEN + 4, POLLIN, true);
    });
    return at;
  }

  /** What poll found, 0 for nothing. */
  #ready(index: number): number {
    return this.#arena.view.getInt16(this.#pollAt + index * POLLFD_LEN + 6, true);
  }

  /** Gives each side one turn, if it has something. */
  #move(now: number): void {
    const tun = this.#ready(Poll.tun);
    let sent = 0;
    if ((tun & POLLERR) !== 0) this.#loseInterface();
    else if (tun !== 0) sent = this.#moveTx(now);
    else this.#standing.empty();
    this.#window.turned(sent, this.#ready(Poll.udp) === 0 ? 0 : this.#moveRx(now));
  }

  /** It would be ready for ever; poll passes over negative descriptors. */
  #loseInterface(): void {
    this.#arena.view.setInt32(this.#pollAt + Poll.tun * POLLFD_LEN, -1, true);
    this.#events.onInterfaceLost();
  }

  /** @returns Packets taken. */
  #moveTx(now: number): number {
    let frames = 0;
    while (frames < TURN_FRAMES) {
      const len = this.#tun.receive();
      if (len === 0) {
        this.#standing.empty();
        break;
      }
      frames += this.#seal(len, now);
    }
    this.#sender.flush();
    return frames;
  }

  /** Seals what the TUN queue gave. @returns How many packets that was. */
  #seal(len: number, now: number): number {
    const segmenter = this.#segmenter;
    const engine = this.#engine;
    const sender = this.#sender;
    const isToLose = this.#isToLose(now);
    const count = segmenter.begin(this.#tun.packetAt, len);
    if (count === 0) {
      engine.countMalformed();
      return 1;
    }
    let packetLen = segmenter.next();
    const fault = engine.select(segmenter.at, packetLen, count, now);
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
      const frameLen = engine.seal(segmenter.at, packetLen, sender.nextAt, now);
      if (frameLen > 0) sender.commit(frameLen, peer.endpointWords, peer.slot);
    }
    return count;
  }

  /** Tells the sender of what was just received to slow down, if that is due. @returns Whether by a loss. */
  #isToLose(now: number): boolean {
    const { view } = this.#arena;
    const { packetAt } = this.#tun;
    return isBulk(view, packetAt) && this.#standing.isDue(now) && !mark(view, packetAt);
  }

  /** @returns Frames taken. */
  #moveRx(now: number): number {
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
    if (this.#coalescer.flush()) this.#deliver();
    return frames;
  }

  #open(frameAt: number, frameLen: number, now: number): void {
    const coalescer = this.#coalescer;
    const engine = this.#engine;
    const at = coalescer.nextAt(Math.max(0, frameLen - SEALED_OVERHEAD));
    const len = engine.decap(frameAt, frameLen, this.#receiver.sourceAt, at, now);
    const peer = engine.lastPeer;
    if (len > 0 && peer !== null && coalescer.add(len, peer.slot)) this.#deliver();
  }

  #deliver(): void {
    const coalescer = this.#coalescer;
    while (coalescer.take()) {
      if (this.#tun.transmit(coalescer.packetAt, coalescer.packetLen)) continue;
      this.#engine.countWriteFailure(coalescer.context, coalescer.packets, coalescer.bytes);
    }
  }

  /** Tells the inner sender which size the path takes. @see RFC 1191, RFC 8201 */
  #answerTooLarge(packetAt: number, packetLen: number): void {
    const peer = this.#engine.lastPeer;
    if (peer === null) return;
    const { view } = this.#arena;
    const len = writePacketTooBig(view, packetAt, packetLen, peer.mtuBytes, -1, this.#icmpAt);
    if (len > 0) this.#tun.transmitPlain(this.#icmpAt, len);
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
    this.#keepalives.due(now, (slot) => this.sendKeepalive(slot, now));
    this.#events.onHousekeeping(now);
  }
}
