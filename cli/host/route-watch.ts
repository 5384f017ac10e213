/** Notices that the underlay changed: a route, an address or a link of the host. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { isHostEnd } from '../containers/link-names.ts';
import { hasIp } from './ip.ts';

export interface RouteWatch {
  /** Resolves when the monitor is gone. */
  close(): Promise<void>;
}

export interface RouteWatchOptions {
  /** The overlay's interfaces at this time, whose own changes do not count. */
  readonly ownDevices: () => readonly string[];
  /** Called once per burst of changes. */
  onChange(): void;
  /** The watch broke and will be set up again; rate-limited by the delay between attempts. */
  onNotice(notice: string): void;
}

const DEBOUNCE_MS = 200;
const RESTART_MS = 5_000;
/** Longest time to wait for the monitor's end; it comes by itself. */
const END_MS = 300;
/**
 * The shell ends the monitor when its standard input closes, so that not even SIGKILL to this
 * process leaves one behind: `ip monitor` alone would notice at the next change, if ever. It
 * lets go of the outputs, so that they end when the monitor does.
 */
const MONITOR = 'ip -o monitor label route address link </dev/null & exec >&- 2>&-; read -r _; kill $!';

/** Watches where iproute2 is there; else it says that nobody does. */
export async function watchUnderlay(options: RouteWatchOptions): Promise<RouteWatch> {
  if (await hasIp()) return watchRoutes(options);
  options.onNotice('iproute2 is missing: the MTU is a guess, and a change of the underlay is noticed late');
  return { close: () => Promise.resolve() };
}

export function watchRoutes(options: RouteWatchOptions): RouteWatch {
  let closed = false;
  let child: ChildProcess | null = null;
  let debounce: NodeJS.Timeout | undefined;
  let restart: NodeJS.Timeout | undefined;

  const onLine = (line: string) => {
    if (closed || !isUnderlayChange(line, options.ownDevices())) return;
    debounce ??= setTimeout(() => {
      debounce = undefined;
      options.onChange();
    }, DEBOUNCE_MS);
  };
  const start = () => {
    child = startMonitor(onLine, (reason) => {
      if (closed) return;
      options.onNotice(
        `Watching routes with 'ip monitor' ended: ${reason}; trying again in ${RESTART_MS / 1000} s`,
      );
      restart = setTimeout(start, RESTART_MS);
    });
  };
  start();
  return {
    async close() {
      closed = true;
      clearTimeout(debounce);
      clearTimeout(restart);
      if (child !== null) await endMonitor(child);
    },
  };
}

function startMonitor(onLine: (line: string) => void, onEnd: (reason: string) => void): ChildProcess {
  const env = {
    ...process.env,
    LC_ALL: 'C',
    PATH: `${process.env.PATH ?? ''}:/usr/sbin:/sbin:/usr/bin:/bin`,
  };
  // Not in the terminal's foreground group: Ctrl-C is for the agent to handle.
  const child = spawn('/bin/sh', ['-c', MONITOR], { env, stdio: ['pipe', 'pipe', 'pipe'], detached: true });
  let rest = '';
  let complaint = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) onLine(line);
  });
  child.stdout.on('end', () => child.stdin.destroy());
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint = (complaint + text).slice(-500);
  });
  child.stdin.on('error', () => {});
  child.on('error', (error) => onEnd(error.message));
  child.on('close', () => onEnd(complaint.trim() || 'no reason given'));
  child.unref();
  return child;
}

/** Resolves when shell and monitor are gone. */
async function endMonitor(child: ChildProcess): Promise<void> {
  child.ref();
  child.stdin?.destroy();
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const late = AbortSignal.timeout(END_MS);
  await once(child, 'close', { signal: late }).catch(() => {});
}

/**
 * Whether a line of `ip -o monitor label` is about the underlay.
 *
 * Local, broadcast and multicast routes only follow the addresses that are reported anyway.
 * @see ip-monitor(8)
 */
export function isUnderlayChange(line: string, ownDevices: readonly string[]): boolean {
  const event = /^\[(ROUTE|ADDR|LINK)\](?:Deleted )?(.*)$/.exec(line);
  if (event === null) return false;
  const [, kind, what = ''] = event;
  if (kind === 'ROUTE') {
    if (/^(local|broadcast|multicast|anycast) /.test(what)) return false;
    return !isOwn(/ dev (\S+)/.exec(what)?.[1] ?? '', ownDevices);
  }
  // `7: eth0    inet …` and `7: eth0@if6: <…`.
  return !isOwn(/^\d+: ([^\s:@]+)/.exec(what)?.[1] ?? '', ownDevices);
}

/** Containers come and go on any agent of the host. */
function isOwn(device: string, ownDevices: readonly string[]): boolean {
  return ownDevices.includes(device) || isHostEnd(device);
}
