/**
 * The learning switch of one network: to which ports a frame goes.
 *
 * 1. Frames that end in their header, or that no bridge may pass on, are dropped.
 * 2. Where the source is gets learned; a forged one is dropped.              l2/fdb.ts
 * 3. A known station's frames go to its port.                                l2/fdb.ts
 * 4. Frames to a multicast group go to who wants them, where that is known.  l2/snooping.ts
 * 5. All others go to every port but their own.
 *
 * Remote peers are all connected to each other, so nothing goes from one of them to another
 * (split horizon): it would come twice, and go round for ever.
 *
 * @see IEEE 802.1Q §8.6 to §8.8
 */
import { DESTINATION_AT, HEADER_LEN, isGroupAddress, SOURCE_AT } from '../wire/ethernet.ts';
import { Fdb, type FdbOptions, Learn, NO_PORT } from './fdb.ts';
import { NO_MEMBER } from './group-table.ts';
import { NO_SLOT } from './mac-table.ts';
import { PortSet } from './port-set.ts';
import { Snooping } from './snooping.ts';
import { type SwitchCounters, SwitchCounts, SwitchDrop } from './switch-drop.ts';

export interface SwitchOptions extends FdbOptions {
  /** Whether multicast goes to the ports that asked for it only; true unless said otherwise. */
  readonly snooping?: boolean;
  readonly maxGroups?: number;
  readonly maxMembers?: number;
}

export interface SwitchPort {
  /** Whether the port is a peer across the underlay. */
  readonly isRemote: boolean;
  /** Most stations that are learned behind it. */
  readonly maxStations?: number;
  readonly learns?: boolean;
}

const DEFAULT_MAX_STATIONS = 1_024;
/** 01:80:c2:00:00:00 to 0f. */
const RESERVED_FIRST = 0x0180_c200;
const RESERVED_LAST = 0x0f;

/** Owned by one thread. Times are in ms on the caller's clock, which does not step. */
export class Switch {
  readonly fdb: Fdb;
  /** null where it is switched off. */
  readonly snooping: Snooping | null;
  readonly #ports = new PortSet();
  readonly #counts = new SwitchCounts();
  #targets = new Int32Array(16);
  /** 1 for a port among `targets` while those of a group are gathered, by port id. */
  #isTarget = new Uint8Array(16);

  /**
   * The last unicast from a known to a known station: both addresses as they lie in the frame,
   * the port, and what the forwarding database found while its version was `#seenVersion`.
   */
  #seen0 = 0;
  #seen1 = 0;
  #seen2 = 0;
  #seenPort = NO_PORT;
  #seenVersion = 0;
  #seenSourceSlot = NO_SLOT;
  #seenDestinationSlot = NO_SLOT;

  /** @throws {RangeError} for options out of range. */
  constructor(options: SwitchOptions) {
    this.fdb = new Fdb(options);
    this.snooping = (options.snooping ?? true) ? new Snooping(options) : null;
  }

  /**
   * The ports of the frame that forward() took last, in its first elements. Another array after
   * addPort().
   */
  get targets(): Int32Array {
    return this.#targets;
  }

  /**
   * Adds a port. Its id becomes an index of tables, so it should be small.
   *
   * @throws {RangeError} for an id that is in use or not within 0 to 65,535.
   */
  addPort(id: number, { isRemote, maxStations = DEFAULT_MAX_STATIONS, learns = true }: SwitchPort): void {
    this.fdb.addPort(id, maxStations, learns);
    this.#ports.add(id, isRemote);
    if (this.#ports.size > this.#targets.length) this.#targets = new Int32Array(this.#targets.length * 2);
    if (id >= this.#isTarget.length)
      this.#isTarget = new Uint8Array(Math.max(this.#isTarget.length * 2, id + 1));
  }

  /** Removes a port and all that is known behind it, bound stations too. @returns whether it was there. */
  removePort(id: number): boolean {
    if (!this.#ports.remove(id)) return false;
    this.fdb.removePort(id);
    this.snooping?.membership.removePort(id);
    return true;
  }

  /**
   * Learns from a frame and finds where it goes.
   *
   * @param frameAt  Where the Ethernet header begins.
   * @param frameLen Bytes of the frame, without preamble and check sequence.
   * @param fromPort The port that it came from.
   * @returns        how many of `targets` it goes to, 1 or more; else a SwitchDrop, negated.
   */
  forward(view: DataView, frameAt: number, frameLen: number, fromPort: number, nowMs: number): number {
    if (frameLen < HEADER_LEN) return this.#drop(SwitchDrop.runt);
    if (this.#isSeen(view, frameAt, fromPort)) {
      const port = this.fdb.repeat(this.#seenSourceSlot, this.#seenDestinationSlot, nowMs);
      if (port !== NO_PORT) return this.#deliver(port);
    }
    if (!this.#ports.has(fromPort)) return this.#drop(SwitchDrop.noPort);
    if (isReserved(view, frameAt)) return this.#drop(SwitchDrop.reserved);
    const learned = this.fdb.learn(view, frameAt + SOURCE_AT, fromPort, nowMs);
    if (learned < 0) return this.#dropForged(learned);
    if (isGroupAddress(view, frameAt + DESTINATION_AT)) {
      return this.#forwardToGroup(view, frameAt, frameLen, fromPort, nowMs);
    }
    const port = this.fdb.lookup(view, frameAt + DESTINATION_AT, nowMs);
    if (port === NO_PORT) return this.#flood(fromPort);
    if (port === fromPort) return this.#drop(SwitchDrop.noPort);
    if (!this.#ports.mayPass(fromPort, port)) return this.#drop(SwitchDrop.splitHorizon);
    if (this.fdb.sourceSlot !== NO_SLOT) this.#see(view, frameAt, fromPort);
    return this.#deliver(port);
  }

  /** Forgets what is over: to be called every few seconds. */
  sweep(nowMs: number): void {
    this.fdb.sweep(nowMs);
    this.snooping?.membership.sweep(nowMs);
  }

  counters(): SwitchCounters {
    return this.#counts.read();
  }

  #isSeen(view: DataView, at: number, fromPort: number): boolean {
    return (
      view.getInt32(at) === this.#seen0 &&
      view.getInt32(at + 4) === this.#seen1 &&
      view.getInt32(at + 8) === this.#seen2 &&
      fromPort === this.#seenPort &&
      this.fdb.version === this.#seenVersion
    );
  }

  #see(view: DataView, at: number, fromPort: number): void {
    this.#seen0 = view.getInt32(at);
    this.#seen1 = view.getInt32(at + 4);
    this.#seen2 = view.getInt32(at + 8);
    this.#seenPort = fromPort;
    this.#seenVersion = this.fdb.version;
    this.#seenSourceSlot = this.fdb.sourceSlot;
    this.#seenDestinationSlot = this.fdb.foundSlot;
  }

  #deliver(port: number): number {
    this.#targets[0] = port;
    this.#counts.forwarded();
    return 1;
  }

  #drop(code: SwitchDrop): number {
    this.#counts.dropped(code);
    return -code;
  }

  #dropForged(learned: Learn): number {
    const isInvalid = learned === Learn.invalidSource;
    return this.#drop(isInvalid ? SwitchDrop.invalidSource : SwitchDrop.staticViolation);
  }

  #flood(fromPort: number): number {
    let count = 0;
    for (const port of this.#ports.locals) if (port !== fromPort) this.#targets[count++] = port;
    if (!this.#ports.isRemote(fromPort)) {
      for (const port of this.#ports.remotes) this.#targets[count++] = port;
    }
    if (count === 0) return this.#drop(SwitchDrop.noPort);
    this.#counts.flooded();
    return count;
  }

  #forwardToGroup(view: DataView, at: number, len: number, fromPort: number, nowMs: number): number {
    const snooping = this.snooping;
    if (snooping === null || isBroadcast(view, at)) return this.#flood(fromPort);
    if (!snooping.inspect(view, at, len, fromPort, nowMs)) return this.#flood(fromPort);
    const wanting = this.#gather(snooping, snooping.group, fromPort, nowMs, 0);
    const count = this.#gather(snooping, snooping.routers, fromPort, nowMs, wanting);
    for (let i = 0; i < count; i++) this.#isTarget[this.#targets[i] ?? 0] = 0;
    if (count === 0) return this.#drop(SwitchDrop.noPort);
    this.#counts.forwarded();
    return count;
  }

  /** Adds the ports of a group to the first `count` targets. @returns how many they are then. */
  #gather(snooping: Snooping, group: number, fromPort: number, nowMs: number, count: number): number {
    const { table } = snooping.membership;
    let targets = count;
    for (let member = table.first(group); member !== NO_MEMBER; member = table.next(member)) {
      const port = table.port(member);
      if (!table.isCurrent(member, nowMs) || this.#isTarget[port] === 1) continue;
      if (!this.#ports.mayPass(fromPort, port)) continue;
      this.#isTarget[port] = 1;
      this.#targets[targets++] = port;
    }
    return targets;
  }
}

function isReserved(view: DataView, at: number): boolean {
  return view.getInt32(at) === RESERVED_FIRST && view.getUint16(at + 4) <= RESERVED_LAST;
}

function isBroadcast(view: DataView, at: number): boolean {
  return view.getInt32(at) === -1 && view.getInt16(at + 4) === -1;
}
