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
import { FrameCoalescer } from '../path/frame-coalesce.ts';
import { FrameSegmenter } from '../path/frame-segment.ts';
import { SEALED_OVERHEAD } from '../path/seal-frame.ts';
import type { FramePort } from '../port/frame-port.ts';
import * as ethernet from '../wire/ethernet.ts';
import { writePacketTooBigFrame } from '../wire/icmp-frame.ts';
import type { Link, LinkParts } from './link.ts';
import { LocalPort } from './local-port.ts';
import { ANYWHERE, type SwitchSpec } from './messages.ts';

/** Housekeeping of tables, in ms. */
const SWEEP_MS = 30_000;
/** In a coalescer's context: the peer's slot, and above it the place of the port that the frame goes to. */
const SLOT_BITS = 16;
const SLOT_MASK = 0xffff;

export class SwitchedLink implements Link {
  readonly vni: number;
  readonly switch: Switch;
  readonly neighbours: Neighbours;
  readonly #parts: LinkParts;
  readonly #firstLocal: number;
  readonly #segmenter: FrameSegmenter;
  readonly #coalescer: FrameCoalescer;
  /** By id, less `firstLocal`. */
  readonly #locals: (LocalPort | undefined)[] = [];
  readonly #peers = new Set<number>();
  readonly #maxStations: number;
  #sweptAtMs = 0;

  constructor(vni: number, spec: SwitchSpec, firstLocal: number, parts: LinkParts) {
    this.vni = vni;
    this.#parts = parts;
    this.#firstLocal = firstLocal;
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
    this.#coalescer = new FrameCoalescer(parts.coalescer, parts.arena);
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
  addLocal(id: number, port: FramePort, maxStations: number | null): LocalPort {
    const local = new LocalPort(id, port);
    this.switch.addPort(id, { isRemote: false, maxStations: maxStations ?? this.#maxStations });
    this.neighbours.table.addPort(id, false);
    this.#locals[id - this.#firstLocal] = local;
    return local;
  }

  removeLocal(id: number): void {
    this.flush();
    this.switch.removePort(id);
    this.neighbours.table.removePort(id);
    this.#locals[id - this.#firstLocal] = undefined;
  }

  /** The port with this number of the switch, if it is a local one. */
  local(id: number): LocalPort | undefined {
    return id < this.#firstLocal ? undefined : this.#locals[id - this.#firstLocal];
  }

  /** Numbers of the peers. */
  peers(): number[] {
    return [...this.#peers];
  }

  locals(): LocalPort[] {
    return this.#locals.filter((local) => local !== undefined);
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
    const { scratchAt } = this.#parts;
    if (len >= ethernet.HEADER_LEN && isConcerned(view, frameAt) && this.#isOwn(from.id, frameAt, nowMs)) {
      const answerLen = this.neighbours.receive(view, frameAt, len, from.id, scratchAt, nowMs);
      if (answerLen > 0) {
        from.port.transmit(scratchAt, answerLen);
        return 1;
      }
    }
    const count = this.switch.forward(view, frameAt, len, from.id, nowMs);
    if (count <= 0) return 1;
    if (count > 1) return this.#spread(from, frameAt, len, count, nowMs);
    const target = this.switch.targets[0] ?? 0;
    if (target < this.#firstLocal) return this.#seal(from, frameAt, len, target, nowMs);
    const to = this.local(target);
    if (to === undefined) return 1;
    if (!from.port.givesSupers) to.port.transmit(frameAt, len);
    else if (to.port.takesSupers) to.port.transmitSuper(frameAt, len);
    else return this.#spread(from, frameAt, len, count, nowMs);
    return 1;
  }

  /** Whether the source of a frame may be behind the port; what it says is believed then. */
  #isOwn(id: number, frameAt: number, nowMs: number): boolean {
    const { view } = this.#parts.arena;
    return this.switch.fdb.learn(view, frameAt + ethernet.SOURCE_AT, id, nowMs) >= 0;
  }

  /** Seals a frame, or what a super-frame stands for, for one peer. @returns As `take`. */
  #seal(from: LocalPort, frameAt: number, len: number, slot: number, nowMs: number): number {
    const { engine, sender } = this.#parts;
    if (!from.port.givesSupers) {
      this.#sealOne(from, frameAt, len, slot, nowMs);
      return 1;
    }
    const segmenter = this.#segmenter;
    const isToLose = this.#isToLose(from, frameAt, nowMs);
    const count = segmenter.begin(frameAt, len);
    if (count === 0) {
      engine.countMalformed();
      return 1;
    }
    let packetLen = segmenter.next();
    const fault = engine.selectFrame(slot, packetLen, count, nowMs);
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

  #sealOne(from: LocalPort, frameAt: number, len: number, slot: number, nowMs: number): void {
    const { engine, sender } = this.#parts;
    const fault = engine.selectFrame(slot, len, 1, nowMs);
    const peer = engine.lastPeer;
    if (fault !== 0 || peer === null) {
      this.#answerTooLarge(fault, from, frameAt, len);
      return;
    }
    const sealedLen = engine.seal(frameAt, len, sender.nextAt, nowMs);
    if (sealedLen > 0) sender.commit(sealedLen, peer.endpointWords, peer.slot);
  }

  /** Gives a frame to the first `targets` of the switch's. @returns As `take`. */
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
    for (let packetLen = segmenter.next(); packetLen > 0; packetLen = segmenter.next()) {
      this.#copy(from, segmenter.at, packetLen, targets, true, nowMs);
    }
    return Math.max(1, count);
  }

  /** @param isPartial Whether ports that take super-frames have the frame already. */
  #copy(from: LocalPort, at: number, len: number, targets: number, isPartial: boolean, nowMs: number): void {
    for (let i = 0; i < targets; i++) {
      const target = this.switch.targets[i] ?? 0;
      const to = this.local(target);
      if (target < this.#firstLocal) this.#sealOne(from, at, len, target, nowMs);
      else if (to !== undefined && !(isPartial && to.port.takesSupers)) to.port.transmit(at, len);
    }
  }

  /** Tells the sender of what was just received to slow down, if that is due. @returns Whether by a loss. */
  #isToLose(from: LocalPort, frameAt: number, nowMs: number): boolean {
    const { view } = this.#parts.arena;
    if (!isBulk(view, frameAt) || !from.standing.isDue(nowMs)) return false;
    const isTagged = ethernet.etherType(view, frameAt) === ethernet.EtherType.vlan;
    return isTagged || !mark(view, frameAt + ethernet.HEADER_LEN);
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
    const coalescer = this.#coalescer;
    const at = coalescer.nextAt(Math.max(0, frameLen - SEALED_OVERHEAD));
    const len = engine.decap(frameAt, frameLen, sourceAt, at, nowMs);
    const peer = engine.lastPeer;
    if (len <= 0 || peer === null) return;
    const { slot } = peer;
    const count = this.switch.forward(arena.view, at, len, slot, nowMs);
    if (count <= 0) {
      engine.countRefused(slot, 1, len, dropOf(-count));
      return;
    }
    if (isConcerned(arena.view, at)) {
      this.neighbours.receive(arena.view, at, len, slot, this.#parts.scratchAt, nowMs);
    }
    this.#deliverTo(count, at, len, slot);
  }

  /** Gives an opened frame to the first `count` of the switch's targets, which are local ports. */
  #deliverTo(count: number, at: number, len: number, slot: number): void {
    let merged: LocalPort | undefined;
    let isTaken = false;
    for (let i = 0; i < count; i++) {
      const to = this.local(this.switch.targets[i] ?? 0);
      if (to === undefined) continue;
      if (!to.port.takesSupers) isTaken = to.port.transmit(at, len) || isTaken;
      else if (merged === undefined) merged = to;
      else isTaken = this.#transmitCopy(to, at, len) || isTaken;
    }
    if (merged !== undefined) this.#merge(merged, len, slot);
    else if (!isTaken) this.#parts.engine.countRefused(slot, 1, len);
  }

  /** What goes before the frame in memory is others'. */
  #transmitCopy(to: LocalPort, at: number, len: number): boolean {
    const { arena, frameAt } = this.#parts;
    arena.bytes.copyWithin(frameAt, at, at + len);
    return to.port.transmit(frameAt, len);
  }

  #merge(to: LocalPort, len: number, slot: number): void {
    const context = ((to.id - this.#firstLocal) << SLOT_BITS) | slot;
    if (this.#coalescer.add(len, context)) this.#deliver();
  }

  flush(): void {
    if (this.#coalescer.flush()) this.#deliver();
  }

  #deliver(): void {
    const coalescer = this.#coalescer;
    const { engine } = this.#parts;
    while (coalescer.take()) {
      const { context } = coalescer;
      const to = this.#locals[context >>> SLOT_BITS];
      if (to?.port.transmitSuper(coalescer.packetAt, coalescer.packetLen)) continue;
      engine.countRefused(context & SLOT_MASK, coalescer.packets, coalescer.bytes);
    }
  }
}

/** What a frame from a peer that the switch dropped counts as. */
function dropOf(reason: number): DropCode {
  if (reason === SwitchDrop.runt) return DropCode.rxInnerMalformed;
  const isForged = reason === SwitchDrop.invalidSource || reason === SwitchDrop.staticViolation;
  return isForged ? DropCode.rxInnerSource : DropCode.rxNoPort;
}
