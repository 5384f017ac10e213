/**
 * A network of Ethernet frames on its queue: a switch between local ports and peers.
 *
 *     TX  port.receive ─▶ neighbours ─▶ switch ─▶ segmenter ─▶ engine.selectFrame, seal ─▶ sender.commit
 *                                          └────▶ other local ports
 *     RX  engine.decap ─▶ neighbours ─▶ switch ─▶ coalescer ─▶ port.transmitSuper
 *                                          └────▶ other local ports
 *
 * Ports are numbers of the switch: a peer's is its slot, a local port's is `firstLocal` or more.
 */
import { isConcerned, Neighbours } from '../l2/neighbours.ts';
import { Switch } from '../l2/switch.ts';
import { SwitchDrop } from '../l2/switch-drop.ts';
import { isBulk, mark } from '../path/congestion.ts';
import { DropCode } from '../path/drop.ts';
import { FrameSegmenter } from '../path/frame-segment.ts';
import { SEALED_OVERHEAD } from '../path/seal-frame.ts';
import type { FramePort } from '../port/frame-port.ts';
import * as ethernet from '../wire/ethernet.ts';
import { writePacketTooBigFrame } from '../wire/icmp-frame.ts';
import { FrameDelivery } from './frame-delivery.ts';
import type { Link, LinkParts } from './link.ts';
import { LocalPort } from './local-port.ts';
import { LocalPorts } from './local-ports.ts';
import { ANYWHERE, type SwitchSpec } from './messages.ts';

/** Housekeeping of tables, in ms. */
const SWEEP_MS = 30_000;

export class SwitchedLink implements Link {
  readonly vni: number;
  readonly switch: Switch;
  readonly neighbours: Neighbours;
  /** Time of the frame that was taken last, for ports that answer themselves. */
  nowMs = 0;
  readonly #parts: LinkParts;
  readonly #segmenter: FrameSegmenter;
  readonly #delivery: FrameDelivery;
  readonly #locals: LocalPorts;
  readonly #peers = new Set<number>();
  readonly #maxStations: number;
  #sweptAtMs = 0;

  constructor(vni: number, spec: SwitchSpec, firstLocal: number, parts: LinkParts) {
    this.vni = vni;
    this.#parts = parts;
    this.#locals = new LocalPorts(firstLocal);
    this.#maxStations = spec.maxStationsPerPort;
    this.switch = new Switch({
      seed: spec.seed,
      maxEntries: spec.maxStations,
      ageingMs: spec.ageingMs,
      snooping: spec.snooping,
    });
    this.neighbours = new Neighbours({ seed: spec.seed, ageingMs: spec.ageingMs, answers: spec.suppress });
    this.neighbours.table.addPort(ANYWHERE, true);
    this.#segmenter = new FrameSegmenter(parts.segmenter, parts.arena);
    this.#delivery = new FrameDelivery(parts, this.#locals, this.switch);
  }

  /** Adds a peer as a port; one that is there stays as it is. */
  addPeer(slot: number): void {
    if (this.#peers.has(slot)) return;
    this.#peers.add(slot);
    this.switch.addPort(slot, { isRemote: true, maxStations: this.#maxStations });
    this.neighbours.table.addPort(slot, true);
  }

  /** Removes a peer with all that is known behind it. */
  removePeer(slot: number): void {
    if (!this.#peers.delete(slot)) return;
    this.switch.removePort(slot);
    this.neighbours.table.removePort(slot);
  }

  /** @param maxStations As many may be learned behind it; null for the network's own number. */
  addLocal(id: number, port: FramePort, maxStations: number | null, isHost = false): LocalPort {
    const local = new LocalPort(id, port, isHost);
    this.switch.addPort(id, { isRemote: false, maxStations: maxStations ?? this.#maxStations });
    this.neighbours.table.addPort(id, false);
    this.#locals.set(local);
    return local;
  }

  removeLocal(id: number): void {
    this.flush();
    this.switch.removePort(id);
    this.neighbours.table.removePort(id);
    this.#locals.remove(id);
  }

  /** The port with this number of the switch, if it is a local one. */
  local(id: number): LocalPort | undefined {
    return this.#locals.get(id);
  }

  /** Numbers of the peers. */
  peers(): number[] {
    return [...this.#peers];
  }

  locals(): LocalPort[] {
    return this.#locals.all();
  }

  /** Forgets what is old; to be called about once a second. */
  sweep(nowMs: number): void {
    if (nowMs - this.#sweptAtMs < SWEEP_MS) return;
    this.#sweptAtMs = nowMs;
    this.switch.sweep(nowMs);
    this.neighbours.table.sweep(nowMs);
  }

  /** Forwards the frame of `len` bytes that a local port gave. @returns How many frames that was. */
  take(from: LocalPort, frameAt: number, len: number, nowMs: number): number {
    const { view } = this.#parts.arena;
    this.nowMs = nowMs;
    if (len >= ethernet.HEADER_LEN && isConcerned(view, frameAt, len)) {
      if (this.#answer(from, frameAt, len, nowMs)) return 1;
    }
    const count = this.switch.forward(view, frameAt, len, from.id, nowMs);
    if (count <= 0) return 1;
    if (count > 1) return this.#spread(from, frameAt, len, count, nowMs);
    const target = this.switch.targets[0] ?? 0;
    if (target < this.#locals.first) return this.#seal(from, frameAt, len, target, nowMs);
    const to = this.local(target);
    if (to === undefined) return 1;
    if (!from.port.givesSupers) to.port.transmit(frameAt, len);
    else if (to.port.takesSupers) to.port.transmitSuper(frameAt, len);
    else return this.#spread(from, frameAt, len, count, nowMs);
    return 1;
  }

  /** Believes what a frame says of neighbours if its source may be behind the port. @returns Whether that was all. */
  #answer(from: LocalPort, frameAt: number, len: number, nowMs: number): boolean {
    const { arena, scratchAt } = this.#parts;
    const { fdb } = this.switch;
    if (!fdb.admits(arena.view, frameAt + ethernet.SOURCE_AT, from.id)) return false;
    const answerLen = this.neighbours.receive(arena.view, frameAt, len, from.id, scratchAt, nowMs);
    if (answerLen === 0) return false;
    // The switch does not see it.
    fdb.learn(arena.view, frameAt + ethernet.SOURCE_AT, from.id, nowMs);
    from.port.transmit(scratchAt, answerLen);
    return true;
  }

  /** Seals a frame, or what a super-frame stands for, for one peer. @returns As `take`. */
  #seal(from: LocalPort, frameAt: number, len: number, slot: number, nowMs: number): number {
    const { engine, sender } = this.#parts;
    if (!from.port.givesSupers) {
      const refusal = this.#sealOne(from, frameAt, len, slot, nowMs);
      this.#answerTooLarge(refusal, from, frameAt, len);
      return 1;
    }
    const segmenter = this.#segmenter;
    const isToLose = this.#isToLose(from, frameAt, len, nowMs);
    const count = segmenter.begin(frameAt, len);
    if (count === 0) {
      engine.countMalformed();
      return 1;
    }
    let packetLen = segmenter.next();
    const packetAt = this.#ownPacketAt(from, segmenter.at);
    const fault = engine.selectFrame(slot, segmenter.at, packetLen, count, packetAt, nowMs);
    const peer = engine.lastPeer;
    if (fault !== 0 || peer === null) {
      this.#answerTooLarge(fault, from, segmenter.at, packetLen);
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

  /** Offset of the IP packet in a frame of this host's kernel, 0 in any other: see Encap.selectFrame(). */
  #ownPacketAt(from: LocalPort, frameAt: number): number {
    if (!from.isHost) return 0;
    const type = ethernet.etherType(this.#parts.arena.view, frameAt);
    const isIp = type === ethernet.EtherType.ipv4 || type === ethernet.EtherType.ipv6;
    return isIp ? frameAt + ethernet.HEADER_LEN : 0;
  }

  /** @returns 0, or the negated drop code of a frame that no peer may get. */
  #sealOne(from: LocalPort, frameAt: number, len: number, slot: number, nowMs: number): number {
    const { engine, sender } = this.#parts;
    const packetAt = this.#ownPacketAt(from, frameAt);
    const fault = engine.selectFrame(slot, frameAt, len, 1, packetAt, nowMs);
    const peer = engine.lastPeer;
    if (fault !== 0 || peer === null) return fault;
    const sealedLen = engine.seal(frameAt, len, sender.nextAt, nowMs);
    if (sealedLen > 0) sender.commit(sealedLen, peer.endpointWords, peer.slot);
    return 0;
  }

  /**
   * Gives a frame to the first `targets` of the switch's. One that is too large for a peer is not
   * answered: its station may be behind another port.
   *
   * @returns As `take`.
   */
  #spread(from: LocalPort, frameAt: number, len: number, targets: number, nowMs: number): number {
    const takesSupers = from.port.givesSupers;
    if (!takesSupers) {
      this.#copy(from, frameAt, len, targets, false, nowMs);
      return 1;
    }
    // As they are to those that take them, before they are cut in place.
    for (let i = 0; i < targets; i++) {
      const to = this.local(this.switch.targets[i] ?? 0);
      if (to?.port.takesSupers) to.port.transmitSuper(frameAt, len);
    }
    const segmenter = this.#segmenter;
    const count = segmenter.begin(frameAt, len);
    if (count === 0) this.#parts.engine.countMalformed();
    for (let packetLen = segmenter.next(); packetLen > 0; packetLen = segmenter.next()) {
      this.#copy(from, segmenter.at, packetLen, targets, true, nowMs);
    }
    return Math.max(1, count);
  }

  /** @param isPartial Whether ports with offloads have the frame already. */
  #copy(from: LocalPort, at: number, len: number, targets: number, isPartial: boolean, nowMs: number): void {
    for (let i = 0; i < targets; i++) {
      const target = this.switch.targets[i] ?? 0;
      const to = this.local(target);
      if (target < this.#locals.first) this.#sealOne(from, at, len, target, nowMs);
      else if (to !== undefined && !(isPartial && to.port.takesSupers)) to.port.transmit(at, len);
    }
  }

  /** Tells the sender of what was just received to slow down, if that is due. @returns Whether by a loss. */
  #isToLose(from: LocalPort, frameAt: number, len: number, nowMs: number): boolean {
    const { view } = this.#parts.arena;
    if (!isBulk(view, frameAt) || !from.standing.isDue(nowMs)) return false;
    const typeAt = ethernet.typeAt(view, frameAt, len);
    return typeAt < 0 || !mark(view, typeAt + ethernet.TYPE_LEN);
  }

  /** Tells the inner sender which size the path takes. @see RFC 1191, RFC 8201 */
  #answerTooLarge(fault: number, from: LocalPort, at: number, len: number): void {
    const { engine, arena, scratchAt } = this.#parts;
    const peer = engine.lastPeer;
    if (fault !== -DropCode.txTooLarge || peer === null) return;
    const answerLen = writePacketTooBigFrame(arena.view, at, len, peer.mtuBytes, scratchAt);
    if (answerLen > 0) from.port.transmit(scratchAt, answerLen);
  }

  open(frameAt: number, frameLen: number, sourceAt: number, nowMs: number): void {
    const { engine, arena } = this.#parts;
    const at = this.#delivery.nextAt(Math.max(0, frameLen - SEALED_OVERHEAD));
    const len = engine.decap(frameAt, frameLen, sourceAt, at, nowMs);
    const peer = engine.lastPeer;
    if (len <= 0 || peer === null) return;
    const { slot } = peer;
    this.nowMs = nowMs;
    const count = this.switch.forward(arena.view, at, len, slot, nowMs);
    if (count <= 0) {
      engine.countRefused(slot, 1, len, dropOf(-count));
      return;
    }
    if (isConcerned(arena.view, at, len)) {
      this.neighbours.receive(arena.view, at, len, slot, this.#parts.scratchAt, nowMs);
    }
    this.#delivery.deliver(at, len, count, slot);
  }

  flush(): void {
    this.#delivery.flush();
  }
}

/** What a frame from a peer that the switch dropped counts as. */
function dropOf(reason: number): DropCode {
  if (reason === SwitchDrop.runt) return DropCode.rxInnerMalformed;
  const isForged = reason === SwitchDrop.invalidSource || reason === SwitchDrop.staticViolation;
  return isForged ? DropCode.rxInnerSource : DropCode.rxNoPort;
}
