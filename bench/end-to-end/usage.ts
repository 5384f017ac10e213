/** CPU time and memory of processes, from /proc. */
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

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

/** Of the line 'cpu' in /proc/stat: user to steal, without the guest times that user has in it. */
const CPU_TIMES = 8;
const IDLE_AT = 3;
const IOWAIT_AT = 4;
const BUSY_SAMPLE_MS = 300;

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

/**
 * Share of the time that all cores together were not idle, from two readings of /proc/stat.
 *
 * @returns 0 to 1, NaN when no time passed.
 */
export function busyShare(before: string, after: string): number {
  const times = (text: string) => (/^cpu +(.*)$/m.exec(text)?.[1] ?? '').split(' ').map(Number);
  const earlier = times(before);
  const spent = times(after).map((time, i) => time - (earlier[i] ?? 0));
  const total = spent.slice(0, CPU_TIMES).reduce((sum, time) => sum + time, 0);
  return 1 - ((spent[IDLE_AT] ?? 0) + (spent[IOWAIT_AT] ?? 0)) / total;
}

/** How busy the machine is while nothing of ours runs. */
export async function currentBusyShare(): Promise<number> {
  const before = read('/proc/stat');
  await sleep(BUSY_SAMPLE_MS);
  return busyShare(before, read('/proc/stat'));
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
