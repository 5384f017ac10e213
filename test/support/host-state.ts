/** What an agent could leave behind on a host, as text to compare before and after. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Namespace } from './netns.ts';

const VIEWS = [
  '-o link show',
  '-o address show',
  '-4 route show table all',
  '-6 route show table all',
  '-4 rule show',
  '-6 rule show',
  'tuntap show',
] as const;

/** Interfaces, addresses, routes of all tables, rules, bound ports and processes. */
export async function hostState(host: Namespace): Promise<string> {
  const network = VIEWS.map((view) => `# ip ${view}\n${stable(host.ip(view))}`);
  const { stdout } = await host.exec([
    'cat',
    ...['udp', 'udp6', 'tcp', 'tcp6'].map((name) => `/proc/self/net/${name}`),
  ]);
  // Local address and state; 07 is an open UDP socket, 0A a listening TCP socket.
  const sockets = [...stdout.matchAll(/^ *\d+: (\S+) \S+ (07|0A) /gm)];
  // QUIC's socket on ::1 has a port of the kernel's choice, and comes and goes as the network changes.
  const bound = sockets
    .map(([, address = '']) => address)
    .filter((address) => !/^0{24}01000000:[89A-F]\w{3}$/.test(address))
    .sort();
  const processes = host.pids().filter((pid) => pid !== process.pid);
  return [...network, '# ports', ...bound, '# processes', ...processes].join('\n');
}

/** The state once it stays the same: agents look at the routes anew when interfaces come and go. */
export async function restingState(host: Namespace): Promise<string> {
  let state = await hostState(host);
  for (let looks = 0; looks < 20; looks++) {
    await sleep(300);
    const next = await hostState(host);
    if (next === state) return state;
    state = next;
  }
  throw new Error('the host does not come to rest');
}

/** Without what moves by itself: counters, and link-local addresses some time after a link came up. */
function stable(text: string): string {
  return text
    .replace(/ (valid_lft|preferred_lft|expires|qdisc|qlen) \S+/g, '')
    .replace(/ tentative/g, '')
    .split('\n')
    .filter((line) => !/fe80:|^$/.test(line))
    .sort()
    .join('\n');
}

/** Whether a process does more than wait to be buried by its parent. @see proc(5) */
export function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

/** Files of a directory, sorted; none where it does not exist. */
export function filesIn(directory: string): string[] {
  return existsSync(directory) ? readdirSync(directory).sort() : [];
}
