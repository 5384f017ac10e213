/** How many bytes of heap a function leaves behind, or allocates, per call. */
import v8 from 'node:v8';
import vm from 'node:vm';

v8.setFlagsFromString('--expose-gc');
const PATIENCE_MS = 2_000;
const collect = vm.runInNewContext('gc') as () => void;

function grownBy(calls: number, call: () => void, collectAfter: boolean): number {
  for (let i = 0; i < calls; i++) call();
  let least = Number.POSITIVE_INFINITY;
  // Until the function is compiled, which a loaded machine delays, numbers are objects, and the
  // compilation allocates too: the least of the rounds is the function's own.
  const untilMs = performance.now() + PATIENCE_MS;
  for (let round = 0; round < 5 || (least >= 0.5 && performance.now() < untilMs); round++) {
    collect();
    const before = process.memoryUsage().heapUsed;
    for (let i = 0; i < calls; i++) call();
    if (collectAfter) collect();
    least = Math.min(least, (process.memoryUsage().heapUsed - before) / calls);
  }
  return least;
}

/** Bytes per call that survive a collection. */
export function retainedPerCall(calls: number, call: () => void): number {
  return grownBy(calls, call, true);
}

/** Bytes per call that are allocated at all, garbage included. */
export function allocatedPerCall(calls: number, call: () => void): number {
  return grownBy(calls, call, false);
}
