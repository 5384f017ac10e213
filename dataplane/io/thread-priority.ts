/** How soon the kernel runs a thread when others want its core too. @see setpriority(2), sched(7) */
import { setpriority } from './libc.ts';

const PRIO_PROCESS = 0;
/** The calling thread; on Linux a nice value is a thread's own. */
const SELF = 0;

/** @param nice −20 (first) to 19. @returns Whether it is so now; below 0 needs CAP_SYS_NICE. */
export function setThreadNice(nice: number): boolean {
  return setpriority(PRIO_PROCESS, SELF, nice) === 0;
}
