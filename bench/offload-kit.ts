/** Both kinds of packet code on one memory, and packets for it. */
import { COALESCE_LEN, type Coalescer, PlainCoalescer } from '../dataplane/path/coalesce.ts';
import { PlainSegmenter, type Segmenter } from '../dataplane/path/segment.ts';
import { loadOffload, type OffloadExports } from '../dataplane/wasm/offload-module.ts';
import { WasmCoalescer } from '../dataplane/wasm/wasm-coalescer.ts';
import { WasmSegmenter } from '../dataplane/wasm/wasm-segmenter.ts';
import { checksum, sumBytes } from '../dataplane/wire/checksum.ts';

export const PLAIN = 'TypeScript';
export const KINDS = [PLAIN, 'WebAssembly'] as const;
export type Kind = (typeof KINDS)[number];

const PAGES = 64;
const At = { segmentScratch: 64, groupScratch: 1_024, places: 65_536, packet: 2_097_152 } as const;
const IP_LEN = 20;
const VIRTIO_LEN = 10;

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

  /**
   * Writes an IPv4 TCP or UDP super-packet, its virtio_net_hdr in front.
   *
   * @returns Its length.
   */
  writeSuper(at: number, protocol: 'tcp' | 'udp', port: number, payloadLen: number, gsoSize: number): number {
    const { view } = this;
    const isTcp = protocol === 'tcp';
    const headerLen = IP_LEN + (isTcp ? 32 : 8);
    const len = headerLen + payloadLen;
    for (let i = 0; i < len; i++) view.setUint8(at + i, (i * 31 + (i >> 8)) & 0xff);
    view.setUint8(at - VIRTIO_LEN, 0);
    view.setUint8(at - VIRTIO_LEN + 1, isTcp ? 1 : 5);
    view.setUint16(at - VIRTIO_LEN + 4, gsoSize, true);
    view.setUint32(at, 0x4500_0000 | len);
    view.setUint32(at + 4, 0x1234_4000);
    view.setUint32(at + 8, isTcp ? 0x4006_0000 : 0x4011_0000);
    view.setUint16(at + 10, checksum(sumBytes(view, at, IP_LEN)));
    view.setUint16(at + IP_LEN, port);
    view.setUint16(at + IP_LEN + 4, len - IP_LEN);
    if (isTcp) view.setUint32(at + IP_LEN + 12, 0x8010_01f5);
    return len;
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
