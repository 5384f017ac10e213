/** The coalescer in WebAssembly: what dataplane/path/coalesce.ts does, with SIMD checksums. */
import { type CoalesceOptions, type Coalescer, OPEN_GROUPS } from '../path/coalesce.ts';
import type { OffloadExports } from './offload-module.ts';

/** Where the module leaves what it gives, from the start of its scratch. */
const At = { packetAt: 0, packetLen: 4, packets: 8, bytes: 12, context: 16 } as const;

export class WasmCoalescer implements Coalescer {
  readonly name = 'WebAssembly';
  packetAt = 0;
  packetLen = 0;
  packets = 0;
  bytes = 0;
  context = 0;
  readonly #exports: OffloadExports;
  readonly #view: DataView;
  readonly #scratchAt: number;

  /** @param scratchAt Offset of GROUP_SCRATCH_LEN bytes, a multiple of 64. */
  constructor(exports: OffloadExports, options: CoalesceOptions, scratchAt: number) {
    this.#exports = exports;
    this.#view = options.memory.view;
    this.#scratchAt = scratchAt;
    const { placesAt, tcp, udp } = options;
    exports.initGroups(scratchAt, placesAt, OPEN_GROUPS, Number(tcp), Number(udp));
  }

  nextAt(maxLen: number): number {
    return this.#exports.nextAt(maxLen);
  }

  add(len: number, context: number): boolean {
    return this.#exports.add(len, context) !== 0;
  }

  flush(): boolean {
    return this.#exports.flush() !== 0;
  }

  take(): boolean {
    if (this.#exports.take() === 0) return false;
    const view = this.#view;
    const at = this.#scratchAt;
    this.packetAt = view.getInt32(at + At.packetAt, true);
    this.packetLen = view.getInt32(at + At.packetLen, true);
    this.packets = view.getInt32(at + At.packets, true);
    this.bytes = view.getInt32(at + At.bytes, true);
    this.context = view.getInt32(at + At.context, true);
    return true;
  }
}
