/** Segmenter and coalescer of both kinds, each with a memory of its own, for tests. */
import { COALESCE_LEN, type Coalescer, PlainCoalescer } from '../../dataplane/path/coalesce.ts';
import { PlainSegmenter, type Segmenter } from '../../dataplane/path/segment.ts';
import { GROUP_SCRATCH_LEN, loadOffload, SEGMENT_SCRATCH_LEN } from '../../dataplane/wasm/offload-module.ts';
import { WasmCoalescer } from '../../dataplane/wasm/wasm-coalescer.ts';
import { WasmSegmenter } from '../../dataplane/wasm/wasm-segmenter.ts';
import { VIRTIO_LEN } from './super-packets.ts';

export type Kind = 'TypeScript' | 'WebAssembly';
export const KINDS: readonly Kind[] = ['TypeScript', 'WebAssembly'];

const PAGES = 16;
/** What lies where nothing was written: a byte read or written past a packet shows. */
const POISON = 0xa5;
const At = {
  segmentScratch: 64,
  groupScratch: 1_024,
  packet: 8_192,
  frame: 80_000,
  places: 262_144,
} as const;

export interface Written {
  /** virtio_net_hdr and packet. */
  readonly bytes: Uint8Array;
  readonly packets: number;
  readonly sumOfLens: number;
  readonly context: number;
}

export class OffloadRig {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly segmenter: Segmenter;
  readonly coalescer: Coalescer;
  readonly packetAt = At.packet;
  readonly placesAt = At.places;

  constructor(kind: Kind, { tcp = true, udp = true } = {}) {
    const memory = new WebAssembly.Memory({ initial: PAGES, maximum: PAGES });
    this.bytes = new Uint8Array(memory.buffer).fill(POISON);
    this.view = new DataView(memory.buffer);
    const options = { memory: this, placesAt: At.places, tcp, udp };
    if (kind === 'TypeScript') {
      this.segmenter = new PlainSegmenter(this);
      this.coalescer = new PlainCoalescer(options);
      return;
    }
    const module = loadOffload(memory);
    this.segmenter = new WasmSegmenter(module, this, At.segmentScratch);
    this.coalescer = new WasmCoalescer(module, options, At.groupScratch);
  }

  /** The packets that a super-packet stands for, or null when it is malformed. */
  cut(read: Uint8Array): Uint8Array[] | null {
    this.bytes.fill(POISON, At.packet - 1_024, At.packet + 70_000);
    this.bytes.set(read, At.packet - VIRTIO_LEN);
    const count = this.segmenter.begin(At.packet, read.length - VIRTIO_LEN);
    const out: Uint8Array[] = [];
    for (let len = this.segmenter.next(); len > 0; len = this.segmenter.next()) {
      out.push(this.bytes.slice(this.segmenter.at, this.segmenter.at + len));
    }
    if (count !== out.length) throw new Error(`begin() said ${count}, next() gave ${out.length}`);
    return count === 0 ? null : out;
  }

  /** Whether anything around the last super-packet was written to. */
  isCutTidy(read: Uint8Array): boolean {
    const end = At.packet + read.length - VIRTIO_LEN;
    return this.isPoison(At.packet - 1_024, At.packet - VIRTIO_LEN) && this.isPoison(end, At.packet + 70_000);
  }

  /** Whether nothing was written from `from` to before `to`. */
  isPoison(from: number, to: number): boolean {
    return Buffer.from(this.bytes.buffer, from, to - from).equals(Buffer.alloc(to - from, POISON));
  }

  /** Gives one packet to the coalescer. @returns What is to be written now. */
  add(packet: Uint8Array, context = 1, maxLen = packet.length): Written[] {
    const at = this.coalescer.nextAt(maxLen);
    this.bytes.set(packet, at);
    return this.coalescer.add(packet.length, context) ? this.#taken() : [];
  }

  /** A place is asked for and written to, but no packet came of it. */
  spoil(len: number): void {
    const at = this.coalescer.nextAt(len);
    this.bytes.fill(0xee, at, at + len);
  }

  flush(): Written[] {
    return this.coalescer.flush() ? this.#taken() : [];
  }

  /** All that is written for these packets, one batch. */
  join(packets: readonly Uint8Array[]): Written[] {
    return [...packets.flatMap((packet) => this.add(packet)), ...this.flush()];
  }

  #taken(): Written[] {
    const out: Written[] = [];
    while (this.coalescer.take()) {
      const { packetAt, packetLen, packets, bytes, context } = this.coalescer;
      const written = this.bytes.slice(packetAt - VIRTIO_LEN, packetAt + packetLen);
      out.push({ bytes: written, packets, sumOfLens: bytes, context });
    }
    return out;
  }
}

/** Room that the places take in a rig's memory. */
export const PLACES_LEN = COALESCE_LEN;
/** So that a rig's layout can be checked against what the module needs. */
export const SCRATCH_LENS = [SEGMENT_SCRATCH_LEN, GROUP_SCRATCH_LEN] as const;
