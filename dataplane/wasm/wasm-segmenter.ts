/** The segmenter in WebAssembly: what dataplane/path/segment.ts does, with SIMD checksums. */
import type { Segmenter } from '../path/segment.ts';
import type { PacketMemory } from '../sa/aead.ts';
import { gsoSize, HEADER_LEN } from '../wire/virtio-net.ts';
import type { OffloadExports } from './offload-module.ts';

export class WasmSegmenter implements Segmenter {
  readonly name = 'WebAssembly';
  at = 0;
  readonly #exports: OffloadExports;
  readonly #view: DataView;
  #nextAt = 0;
  #stride = 0;

  /** @param scratchAt Offset of SEGMENT_SCRATCH_LEN bytes. */
  constructor(exports: OffloadExports, memory: PacketMemory, scratchAt: number) {
    this.#exports = exports;
    this.#view = memory.view;
    exports.initSegments(scratchAt);
  }

  begin(packetAt: number, len: number): number {
    const count = this.#exports.beginSegments(packetAt, len);
    this.#nextAt = packetAt;
    // A segment lies where its payload lies, and payloads are this far apart.
    if (count > 1) this.#stride = gsoSize(this.#view, packetAt - HEADER_LEN);
    return count;
  }

  next(): number {
    this.at = this.#nextAt;
    this.#nextAt += this.#stride;
    return this.#exports.nextSegment();
  }
}
