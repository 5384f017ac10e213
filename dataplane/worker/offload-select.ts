/** Picks the fastest segmenter and coalescer that work here: WebAssembly, else TypeScript. */
import type { Arena } from '../io/arena.ts';
import { COALESCE_LEN, type Coalescer, PlainCoalescer } from '../path/coalesce.ts';
import { PlainSegmenter, type Segmenter } from '../path/segment.ts';
import type { TunOffloads } from '../port/tun.ts';
import {
  GROUP_SCRATCH_LEN,
  loadOffload,
  type OffloadExports,
  SEGMENT_SCRATCH_LEN,
} from '../wasm/offload-module.ts';
import { WasmCoalescer } from '../wasm/wasm-coalescer.ts';
import { WasmSegmenter } from '../wasm/wasm-segmenter.ts';

export interface Offload {
  readonly segmenter: Segmenter;
  readonly coalescer: Coalescer;
  /** Why it is not WebAssembly, else null. */
  readonly fallbackReason: string | null;
}

/**
 * @param offloads What the interface takes: nothing else is merged.
 * @param load     How to get the fast one; tests replace it.
 */
export function selectOffload(
  arena: Arena,
  offloads: TunOffloads,
  load: (memory: WebAssembly.Memory) => OffloadExports = loadOffload,
): Offload {
  const options = { memory: arena, placesAt: arena.take(COALESCE_LEN), ...offloads };
  try {
    const module = load(arena.memory);
    return {
      segmenter: new WasmSegmenter(module, arena, arena.take(SEGMENT_SCRATCH_LEN)),
      coalescer: new WasmCoalescer(module, options, arena.take(GROUP_SCRATCH_LEN)),
      fallbackReason: null,
    };
  } catch (error) {
    return {
      segmenter: new PlainSegmenter(arena),
      coalescer: new PlainCoalescer(options),
      fallbackReason: error instanceof Error ? error.message : String(error),
    };
  }
}
