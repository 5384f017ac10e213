/** CPU time and memory of processes, from /proc. */
import { readdirSync, readFileSync } from 'node:fs';

/** Of proc(5)'s times: USER_HZ, which is 100 on every architecture that Node runs on. */
const TICKS_PER_SECOND = 100;
/** Fields of /proc/PID/stat behind the command, counted from the state. */
const StatAt = {
  parent: 1,
  userTicks: 11,
  systemTicks: 12,
  childUserTicks: 13,
  childSystemTicks: 14,
} as const;

export interface ProcessStat {
  readonly parent: number;
  /** Of all threads, and of children that ended and were waited for. */
  readonly cpuSeconds: number;
}

/** Reads /proc/PID/stat. The command in it may hold spaces and parentheses. @see proc(5) */
export function parseStat(text: string): ProcessStat {
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const field = (at: number) => Number(fields[at] ?? Number.NaN);
  const { userTicks, systemTicks, childUserTicks, childSystemTicks } = StatAt;
  const ticks = [userTicks, systemTicks, childUserTicks, childSystemTicks].map(field);
  return {
    parent: field(StatAt.parent),
    cpuSeconds: ticks.reduce((sum, count) => sum + count, 0) / TICKS_PER_SECOND,
  };
}

/** Peak resident size in bytes from /proc/PID/status, 0 where it has none. */
export function parsePeakRss(status: string): number {
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1_024;
}

/** CPU time of the processes and all that they started, in seconds. */
export function cpuSeconds(pids: readonly number[]): number {
  const stats = allStats();
  return family(pids, stats).reduce((sum, pid) => sum + (stats.get(pid)?.cpuSeconds ?? 0), 0);
}

/** Their peak resident sizes together, in bytes. */
export function peakRssBytes(pids: readonly number[]): number {
  return family(pids, allStats()).reduce((sum, pid) => sum + parsePeakRss(read(`/proc/${pid}/status`)), 0);
}

/** The processes and their living descendants. */
export function family(pids: readonly number[], stats: ReadonlyMap<number, ProcessStat>): number[] {
  const members = new Set(pids.filter((pid) => stats.has(pid)));
  for (let size = -1; size !== members.size; ) {
    size = members.size;
    for (const [pid, { parent }] of stats) if (members.has(parent)) members.add(pid);
  }
  return [...members];
}

function allStats(): Map<number, ProcessStat> {
  const stats = new Map<number, ProcessStat>();
  for (const name of readdirSync('/proc')) {
    const text = /^\d+$/.test(name) ? read(`/proc/${name}/stat`) : '';
    if (text !== '') stats.set(Number(name), parseStat(text));
  }
  return stats;
}

/** @returns Nothing for a process that ended in the meantime. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
