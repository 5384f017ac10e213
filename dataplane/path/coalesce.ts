/**
 * Joins received packets of a flow to super-packets, which cost the kernel as much as one each.
 *
 *     nextAt   where the next packet is opened to: behind the group that it most likely joins
 *     add      1  its flow, and whether it may be merged     merge-candidate.ts
 *              2  the flow's group takes it                  merge-group.ts
 *              3  else that group is done, and it starts one or goes alone
 *     take     what is done, in an order that keeps that of every flow
 *
 * A packet's header lies on the end of the payload before it, which is kept aside meanwhile: a
 * packet that joins where it was opened is not copied. A few groups are open at a time, so that
 * flows may interleave; each has a place of its own.
 */
import type { PacketMemory } from '../sa/aead.ts';
import { IpProtocol } from '../wire/upper-layer.ts';
import { MergeCandidate } from './merge-candidate.ts';
import { MergeGroup } from './merge-group.ts';

/**
 * Groups that may be open at a time. A packet of an interleaved flow costs some 30 ns more (it
 * is copied behind its group) and saves a write of 550 ns; looking through eight costs 10 ns.
 */
export const OPEN_GROUPS = 8;
/** Room of a group: virtio_net_hdr, packet, and what keeps neighbours on lines of their own. */
const PLACE_LEN = 65_664;
const PACKET_IN_PLACE_AT = 64;
/** IPv6 and TCP with all options. */
const MAX_HEADER_LEN = 100;

/** Bytes that a coalescer needs for its groups. */
export const COALESCE_LEN = (OPEN_GROUPS + 1) * PLACE_LEN;

export interface CoalesceOptions {
  readonly memory: PacketMemory;
  /** Offset of COALESCE_LEN bytes, a multiple of 64. */
  readonly placesAt: number;
  /** Whether TCP is merged. */
  readonly tcp: boolean;
  /** Whether UDP is merged, which only a kernel that segments it takes (Linux 6.2). */
  readonly udp: boolean;
}

/** One implementation of the above, bound to one memory. Owned by one worker. */
export interface Coalescer {
  /** For log and status. */
  readonly name: string;
  /** What the last `take` gave: one packet, its virtio_net_hdr in the 10 bytes before. */
  readonly packetAt: number;
  readonly packetLen: number;
  /** How many received packets that is, their length together, and what came with them. */
  readonly packets: number;
  readonly bytes: number;
  readonly context: number;
  /**
   * Where the next packet goes; only it may be written there. All that is done must have been
   * taken before. May be called again when no packet came of it.
   *
   * @param maxLen Bytes that will be written at most, up to 65,535.
   */
  nextAt(maxLen: number): number;
  /**
   * Takes the whole IP packet of `len` bytes at the last `nextAt`.
   *
   * @param context Packets are merged only with those of the same, a 32-bit integer.
   * @returns Whether something is done and to be taken now.
   */
  add(len: number, context: number): boolean;
  /** Ends all groups. @returns As `add`. */
  flush(): boolean;
  /** Gives what is done, oldest first, until the next `nextAt`. @returns Whether there was something. */
  take(): boolean;
}

/** The coalescer in TypeScript. */
export class PlainCoalescer implements Coalescer {
  readonly name = 'TypeScript';
  packetAt = 0;
  packetLen = 0;
  packets = 0;
  bytes = 0;
  context = 0;
  readonly #memory: PacketMemory;
  readonly #view: DataView;
  readonly #options: CoalesceOptions;
  readonly #packet = new MergeCandidate();
  /** All groups: open ones first, least recently used first, then done ones, then free ones. */
  readonly #groups: MergeGroup[];
  #open = 0;
  #done = 0;
  #placedAt = 0;
  readonly #saved = new DataView(new ArrayBuffer(MAX_HEADER_LEN));
  #savedLen = 0;

  constructor(options: CoalesceOptions) {
    this.#options = options;
    this.#memory = options.memory;
    this.#view = options.memory.view;
    this.#groups = Array.from(
      { length: OPEN_GROUPS + 1 },
      (_, i) => new MergeGroup(options.placesAt + i * PLACE_LEN + PACKET_IN_PLACE_AT),
    );
  }

  nextAt(maxLen: number): number {
    this.#restore();
    const latest = this.#open > 0 ? this.#groups[this.#open - 1] : undefined;
    if (latest?.fits(maxLen)) this.#placeBehind(latest);
    else this.#placedAt = this.#free().at;
    return this.#placedAt;
  }

  add(len: number, context: number): boolean {
    const packet = this.#packet;
    packet.read(this.#view, this.#placedAt, len);
    if (!this.#isEnabled(packet)) packet.isMergeable = false;
    const index = packet.hasFlow ? this.#find(context) : -1;
    const group = this.#groups[index];
    if (group === undefined || !group.takes(this.#view, this.#placedAt, packet)) {
      this.#begin(len, context, index);
      return this.#done > 0;
    }
    this.#move(group.end, this.#placedAt + packet.headerLen, packet.payloadLen);
    this.#restore();
    group.absorb(packet);
    if (group.isOpen) this.#shift(index, this.#open - 1);
    else this.#finish(index);
    return this.#done > 0;
  }

  flush(): boolean {
    this.#restore();
    while (this.#open > 0) this.#finish(0);
    return this.#done > 0;
  }

  take(): boolean {
    const group = this.#done > 0 ? this.#groups[this.#open] : undefined;
    if (group === undefined) return false;
    this.packetAt = group.at;
    this.packetLen = group.end - group.at;
    this.packets = group.count;
    this.bytes = group.bytes;
    this.context = group.context;
    // It is the next to be used again, while the cache has it.
    this.#done--;
    this.#shift(this.#open, this.#open + this.#done);
    return true;
  }

  /** Whether the kernel takes super-packets of this protocol. */
  #isEnabled(packet: MergeCandidate): boolean {
    return packet.protocol === IpProtocol.tcp ? this.#options.tcp : this.#options.udp;
  }

  /** Index of the open group of the packet's flow, the latest first; -1 when there is none. */
  #find(context: number): number {
    for (let i = this.#open - 1; i >= 0; i--) {
      if (this.#groups[i]?.isFlowOf(this.#view, this.#placedAt, this.#packet, context)) return i;
    }
    return -1;
  }

  /** Lets the packet start a group or go alone, behind what it must not overtake. */
  #begin(len: number, context: number, flowIndex: number): void {
    const group = this.#free();
    this.#move(group.at, this.#placedAt, len);
    this.#restore();
    if (flowIndex >= 0) this.#finish(flowIndex);
    else if (!this.#packet.hasFlow) this.flush();
    group.start(this.#view, this.#packet, len, context);
    if (!group.isOpen) {
      group.finish(this.#view);
      this.#done++;
      return;
    }
    this.#shift(this.#open + this.#done, this.#open);
    this.#open++;
    if (this.#open > OPEN_GROUPS) this.#finish(0);
  }

  #finish(index: number): void {
    this.#groups[index]?.finish(this.#view);
    this.#shift(index, this.#open + this.#done - 1);
    this.#open--;
    this.#done++;
  }

  #free(): MergeGroup {
    const group = this.#groups[this.#open + this.#done];
    if (group === undefined) throw new RangeError('Cannot place a packet before all that is done was taken');
    return group;
  }

  /** Opens the next packet so that its payload follows the group's. */
  #placeBehind(group: MergeGroup): void {
    const at = group.end - group.headerLen;
    for (let i = 0; i < group.headerLen; i += 4) this.#saved.setInt32(i, this.#view.getInt32(at + i));
    this.#savedLen = group.headerLen;
    this.#placedAt = at;
  }

  /** Puts back what the header at the last place was written over. */
  #restore(): void {
    for (let i = 0; i < this.#savedLen; i += 4) {
      this.#view.setInt32(this.#placedAt + i, this.#saved.getInt32(i));
    }
    this.#savedLen = 0;
  }

  #move(toAt: number, fromAt: number, len: number): void {
    if (toAt !== fromAt) this.#memory.bytes.copyWithin(toAt, fromAt, fromAt + len);
  }

  /** Moves a group to another place in the order; those in between move up. */
  #shift(from: number, to: number): void {
    const groups = this.#groups;
    const moved = groups[from];
    if (moved === undefined) return;
    const step = from < to ? 1 : -1;
    for (let i = from; i !== to; i += step) groups[i] = groups[i + step] ?? moved;
    groups[to] = moved;
  }
}
