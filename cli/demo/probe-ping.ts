/** Pings from inside a namespace, without ping(8). */
import { setTimeout as sleep } from 'node:timers/promises';
import { IcmpEcho } from '../../dataplane/io/icmp-echo.ts';

export interface PingOptions {
  readonly count: number;
  readonly interval: number;
  readonly timeout: number;
  readonly length: number;
  readonly dontFragment: boolean;
}

export interface PingResult {
  readonly sent: number;
  readonly received: number;
  /** Round trips of the answered echoes in ms, in the order sent. */
  readonly rtt_ms: readonly number[];
  /** Why echoes could not be sent, the last reason. */
  readonly error: string | null;
}

/**
 * Sends `count` echoes, one at a time.
 *
 * @param open Makes the socket; tried again with each echo until it works.
 */
export async function probePing(
  address: string,
  options: PingOptions,
  open: () => IcmpEcho = () => new IcmpEcho(address, options.dontFragment),
): Promise<PingResult> {
  const rttsMs: number[] = [];
  let error: string | null = null;
  let echo: IcmpEcho | null = null;
  for (let turn = 0; turn < options.count; turn++) {
    try {
      echo ??= open();
      const rttMs = await echo.ping({ dataLen: options.length, timeoutMs: options.timeout });
      if (rttMs !== null) rttsMs.push(Math.round(rttMs * 1_000) / 1_000);
    } catch (reason) {
      // No route yet, or larger than the path: later echoes may do better.
      error = reason instanceof Error ? reason.message : String(reason);
    }
    if (turn + 1 < options.count) await sleep(options.interval);
  }
  echo?.close();
  return { sent: options.count, received: rttsMs.length, rtt_ms: rttsMs, error };
}
