/** Both kinds of packet code on one memory, and packets for it. */
import { COALESCE_LEN, type Coalescer, PlainCoalescer } from '../dataplane/path/coalesce.ts';
import { PlainSegmenter, type Segmenter } from '../dataplane/path/segment.ts';
import { loadOffload, type OffloadExports } from '../dataplane/wasm/offload-module.ts';
import { WasmCoalescer } from '../dataplane/wasm/wasm-coalescer.ts';
import { WasmSegmenter } from '../dataplane/wasm/wasm-segmenter.ts';
import { writePacket } from './packets.ts';

export const PLAIN = 'TypeScript';
export const KINDS = [PLAIN, 'WebAssembly'] as const;
export type Kind = (typeof KINDS)[number];

const PAGES = 64;
const At = { segmentScratch: 64, groupScratch: 1_024, places: 65_536, packet: 2_097_152 } as const;

export class OffloadKit {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly module: OffloadExports;
  readonly segmenter: Segmenter;
  readonly coalescer: Coalescer;
  /** Free from here on. */
  readonly packetAt = At.packet;

  constructor(kind: Kind) {
    const memory = new WebAssembly.Memory({ initial: PAGES, maximum: PAGES });
    this.bytes = new Uint8Array(memory.buffer);
    this.view = new DataView(memory.buffer);
    this.module = loadOffload(memory);
    const options = { memory: this, placesAt: At.places, tcp: true, udp: true };
    const isPlain = kind === PLAIN;
    if (At.places + COALESCE_LEN > At.packet) throw new RangeError('places reach into the packets');
    this.segmenter = isPlain
      ? new PlainSegmenter(this)
      : new WasmSegmenter(this.module, this, At.segmentScratch);
    this.coalescer = isPlain
      ? new PlainCoalescer(options)
      : new WasmCoalescer(this.module, options, At.groupScratch);
  }

  /** Writes a super-packet. @returns Its length. */
  writeSuper(at: number, protocol: 'tcp' | 'udp', port: number, payloadLen: number, gsoSize: number): number {
    return writePacket(this.view, at, { protocol, port, payloadLen, gsoSize });
  }

  /** Cuts the super-packet at `at`, and copies its packets to `toAt` and on. @returns Their lengths. */
  cutTo(at: number, len: number, toAt: number): number[] {
    const lens: number[] = [];
    this.segmenter.begin(at, len);
    for (let next = toAt, n = this.segmenter.next(); n > 0; n = this.segmenter.next()) {
      this.bytes.copyWithin(next, this.segmenter.at, this.segmenter.at + n);
      lens.push(n);
      next += n;
    }
    return lens;
  }
}
