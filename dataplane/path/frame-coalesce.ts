/**
 * Joins received Ethernet frames to super-frames: the packets in them are joined by a coalescer of
 * packets, those behind equal headers only.
 *
 *     nextAt   the frame is opened to where its packet shall lie, its header in the 14 bytes before:
 *              what is there is kept aside meanwhile
 *     add      1  header and context are noted in a table: their number is the packet's context
 *              2  what is no plain IP frame is made to look like no IP packet: it goes alone, behind
 *                 all that came before it
 *     take     header and virtio_net_hdr are put in front again
 *
 * The wrapped coalescer may serve packets of layer 3 in the same turn, but not at the same time: a
 * context is a number in the table here, and a place may have a header laid over it. So whoever
 * goes from frames to packets, or back, calls `flush` on the one and takes all that is done first.
 *
 * @see coalesce.ts, which does all that concerns the packets
 */
import type { PacketMemory } from '../sa/aead.ts';
import * as ethernet from '../wire/ethernet.ts';
import { ipVersion } from '../wire/ip.ts';
import * as virtio from '../wire/virtio-net.ts';
import type { Coalescer } from './coalesce.ts';

/** Pairs of header and context until all groups are ended: few, since every frame looks for its own. */
export const MAX_HEADERS = 64;
/** An entry: three words of addresses, type and what was hidden, context. */
const ENTRY_WORDS = 5;
const TYPE_SHIFT = 16;
/** The packet's first byte, in the low bits of the word, was hidden. */
const HIDDEN = 0x100;
const HIDDEN_MASK = 0xff;
/** A first byte that no IP packet has. */
const NO_VERSION = 0;
const HEADER_LEN = ethernet.HEADER_LEN;
const TYPE_AT = 12;

/**
 * As the coalescer it wraps, for frames: `packetAt` and `packetLen` are a frame's, `bytes` include
 * the headers. Owned by one worker.
 */
export class FrameCoalescer implements Coalescer {
  readonly name: string;
  packetAt = 0;
  packetLen = 0;
  packets = 0;
  bytes = 0;
  context = 0;
  readonly #inner: Coalescer;
  readonly #view: DataView;
  readonly #table = new Int32Array(MAX_HEADERS * ENTRY_WORDS);
  /** Entries in use. */
  #count = 0;
  /** Whether all groups were ended since, so that the table may be used anew. */
  #isFlushed = false;
  readonly #saved = new DataView(new ArrayBuffer(16));
  #frameAt = 0;
  #isSaved = false;

  constructor(inner: Coalescer, memory: PacketMemory) {
    this.name = inner.name;
    this.#inner = inner;
    this.#view = memory.view;
  }

  /** @param maxLen Bytes of the frame that will be written at most, up to 65,557. */
  nextAt(maxLen: number): number {
    this.#restore();
    if (this.#isFlushed) {
      this.#isFlushed = false;
      this.#count = 0;
    }
    this.#frameAt = this.#inner.nextAt(Math.max(0, maxLen - HEADER_LEN)) - HEADER_LEN;
    copyHeader(this.#view, this.#frameAt, this.#saved, 0);
    this.#isSaved = true;
    return this.#frameAt;
  }

  /** Takes the frame of `len` bytes at the last `nextAt`; one too short for its header is forgotten. */
  add(len: number, context: number): boolean {
    if (len < HEADER_LEN) return false;
    const view = this.#view;
    const packetAt = this.#frameAt + HEADER_LEN;
    const packetLen = len - HEADER_LEN;
    const type = ethernet.etherType(view, this.#frameAt);
    let kind = type << TYPE_SHIFT;
    if (packetLen > 0 && !isIp(view, packetAt, type)) {
      kind |= HIDDEN | view.getUint8(packetAt);
      view.setUint8(packetAt, NO_VERSION);
    }
    const index = this.#find(kind, context);
    this.#restore();
    const isDone = this.#inner.add(packetLen, index);
    // The next frame may need an entry, and can't be made to wait once it was opened.
    return this.#count === MAX_HEADERS ? this.flush() : isDone;
  }

  flush(): boolean {
    this.#restore();
    this.#isFlushed = true;
    return this.#inner.flush();
  }

  take(): boolean {
    const inner = this.#inner;
    if (!inner.take()) return false;
    const view = this.#view;
    const table = this.#table;
    const entry = inner.context * ENTRY_WORDS;
    const kind = table[entry + 3] ?? 0;
    const at = inner.packetAt - HEADER_LEN;
    virtio.moveHeader(view, inner.packetAt - virtio.HEADER_LEN, at - virtio.HEADER_LEN, HEADER_LEN);
    for (let i = 0; i < 3; i++) view.setInt32(at + 4 * i, table[entry + i] ?? 0);
    view.setUint16(at + TYPE_AT, kind >>> TYPE_SHIFT);
    if ((kind & HIDDEN) !== 0) view.setUint8(inner.packetAt, kind & HIDDEN_MASK);
    this.packetAt = at;
    this.packetLen = inner.packetLen + HEADER_LEN;
    this.packets = inner.packets;
    this.bytes = inner.bytes + inner.packets * HEADER_LEN;
    this.context = table[entry + 4] ?? 0;
    return true;
  }

  /** Number of the entry of the frame's header, with this context; the latest are looked at first. */
  #find(kind: number, context: number): number {
    const view = this.#view;
    const table = this.#table;
    const at = this.#frameAt;
    const first = view.getInt32(at);
    const second = view.getInt32(at + 4);
    const third = view.getInt32(at + 8);
    for (let index = this.#count - 1; index >= 0; index--) {
      const entry = index * ENTRY_WORDS;
      if (table[entry] !== first || table[entry + 1] !== second || table[entry + 2] !== third) continue;
      if (table[entry + 3] === kind && table[entry + 4] === context) return index;
    }
    const entry = this.#count * ENTRY_WORDS;
    table[entry] = first;
    table[entry + 1] = second;
    table[entry + 2] = third;
    table[entry + 3] = kind;
    table[entry + 4] = context;
    return this.#count++;
  }

  /** Puts back what the frame's header was written over: the end of a payload, as a rule. */
  #restore(): void {
    if (!this.#isSaved) return;
    this.#isSaved = false;
    copyHeader(this.#saved, 0, this.#view, this.#frameAt);
  }
}

function copyHeader(from: DataView, fromAt: number, to: DataView, toAt: number): void {
  for (let i = 0; i < TYPE_AT; i += 4) to.setInt32(toAt + i, from.getInt32(fromAt + i));
  to.setUint16(toAt + TYPE_AT, from.getUint16(fromAt + TYPE_AT));
}

/** Whether the packet is of the version that the type names: else the kernel would read it otherwise. */
function isIp(view: DataView, packetAt: number, type: number): boolean {
  if (type === ethernet.EtherType.ipv4) return ipVersion(view, packetAt) === 4;
  return type === ethernet.EtherType.ipv6 && ipVersion(view, packetAt) === 6;
}
