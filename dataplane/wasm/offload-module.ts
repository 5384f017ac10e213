/** Loads the compiled form of `assembly/` into a worker's memory. */
import { readFileSync } from 'node:fs';

/** Beside this file where it is compiled; tests run it from the source tree. */
const MODULE = new URL(
  import.meta.url.endsWith('.ts') ? '../../dist/dataplane/wasm/offload.wasm' : './offload.wasm',
  import.meta.url,
);

/** Bytes of scratch that the module's state lies in: template of headers, then groups. */
export const SEGMENT_SCRATCH_LEN = 512;
export const GROUP_SCRATCH_LEN = 2_048;

/** What `assembly/` exports. Addresses are offsets in the memory; a bool comes as 0 or 1. */
export interface OffloadExports {
  initSegments(scratchAt: number): void;
  beginSegments(packetAt: number, len: number): number;
  nextSegment(): number;
  initGroups(scratchAt: number, placesAt: number, openGroups: number, tcp: number, udp: number): void;
  nextAt(maxLen: number): number;
  add(len: number, context: number): number;
  flush(): number;
  take(): number;
  checksumOf(at: number, len: number): number;
}

/**
 * Instantiates the module on `memory`; it keeps its state there, in the scratch it is given.
 *
 * @throws {Error} when the module is missing or the machine has no SIMD.
 */
export function loadOffload(memory: WebAssembly.Memory): OffloadExports {
  const module = new WebAssembly.Module(readFileSync(MODULE));
  return new WebAssembly.Instance(module, { env: { memory } }).exports as OffloadExports;
}
