/** Measures one case in this process. */

/** What is timed: `run` handles `packets` packets. */
export interface Timed {
  readonly packets: number;
  run(): void;
  /** Makes what the next `run` uses up; not timed. `run` should then take 100 µs or more. */
  refill?(): void;
}

/** What measures itself, once a run. */
export interface Sampled {
  sample(): number;
}

export type Case = Timed | Sampled;

export interface Effort {
  readonly runs: number;
  /** CPU time of each run, and of the one that warms up. */
  readonly runMs: number;
}

/** @returns One value a run: ns of CPU time a packet, or what the case's own sample gave. */
export function measure(subject: Case, { runs, runMs }: Effort): number[] {
  if ('sample' in subject) return Array.from({ length: runs }, () => subject.sample());
  const once = subject.refill === undefined ? timeCalls : timeRefilled;
  once(subject, runMs);
  return Array.from({ length: runs }, () => once(subject, runMs) / subject.packets);
}

/**
 * ns a call, clock read once for as many calls as take some 0.2 ms. CPU time, because a busy
 * machine disturbs it less than time on the wall.
 */
function timeCalls({ run }: Timed, forMs: number): number {
  const startNs = cpuNs();
  const endNs = startNs + forMs * 1e6;
  let calls = 0;
  let nowNs = startNs;
  for (let chunk = 1; nowNs < endNs; ) {
    const chunkStartNs = nowNs;
    for (let i = 0; i < chunk; i++) run();
    calls += chunk;
    nowNs = cpuNs();
    if (nowNs - chunkStartNs < 100_000) chunk *= 2;
  }
  return (nowNs - startNs) / calls;
}

function timeRefilled({ run, refill = () => {} }: Timed, forMs: number): number {
  let calls = 0;
  let spentNs = 0;
  while (spentNs < forMs * 1e6) {
    refill();
    const startNs = cpuNs();
    run();
    spentNs += cpuNs() - startNs;
    calls++;
  }
  return spentNs / calls;
}

function cpuNs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) * 1_000;
}
