/** CPU time that processes have used. */
import { readFileSync } from 'node:fs';

/** USER_HZ, the same on all architectures of Linux that Node runs on. */
const TICK_MS = 10;

/** Milliseconds in user and system mode, of all threads, in steps of 10. @see proc_pid_stat(5) */
export function cpuTimeMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  // The name before may have blanks and parentheses in it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}
