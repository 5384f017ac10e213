/** One round of one tunnel: started, measured, removed. */
import { setTimeout as sleep } from 'node:timers/promises';
import { median, percentile } from '../statistics.ts';
import type { MetricKey, Round } from './metrics.ts';
import { MTU, Site } from './site.ts';
import { pings, tcp, udp } from './traffic.ts';
import type { Tunnel } from './tunnel.ts';
import { cpuSeconds, peakRssBytes } from './usage.ts';

/** IPv4 and UDP. */
const UDP_OVERHEAD = 28;
const SMALL_LEN = 64;
const IDLE_PINGS = 100;
/** Of the TCP stream before the pings that it disturbs. */
const LEAD_MS = 300;
/** Of a stream that is not measured: what compiles its code as it runs starts slowly. */
const WARM_UP_SECONDS = 1;
/** Before the pings of an idle tunnel. */
const SETTLE_MS = 500;
const GIB = 2 ** 30;

export interface CellSettings {
  readonly seconds: number;
  readonly noOffload: boolean;
}

/** Runs `body` with the tunnel up, alone on two hosts of its own. */
export async function withTunnel<T>(
  tunnel: Tunnel,
  noOffload: boolean,
  body: (site: Site) => Promise<T>,
): Promise<T> {
  const site = new Site(noOffload);
  try {
    await site.prepare();
    await tunnel.start(site);
    await site.untilAnswers(tunnel.target);
    return await body(site);
  } finally {
    site.close();
  }
}

/**
 * @param onMetric Called with each value as it comes.
 * @throws {Error} when the tunnel does not come up or a test fails.
 */
export function measureCell(
  tunnel: Tunnel,
  { seconds, noOffload }: CellSettings,
  onMetric: (key: MetricKey, value: number | null) => void,
): Promise<Round> {
  const { target } = tunnel;
  return withTunnel(tunnel, noOffload, async (site) => {
    const round: Partial<Round> = {};
    const note = (key: MetricKey, value: number | null) => {
      round[key] = value;
      onMetric(key, value);
    };
    note('rttFresh', median(await pings(site, target, IDLE_PINGS)));
    await tcp(site, target, WARM_UP_SECONDS);
    const cpuBefore = cpuSeconds(site.pids);
    const { bitsPerSecond, bytes } = await tcp(site, target, seconds);
    const cpuSpent = cpuSeconds(site.pids) - cpuBefore;
    const hasProcesses = site.pids.length > 0;
    note('tcp1', bitsPerSecond / 1e9);
    note('cpu', hasProcesses ? cpuSpent / (bytes / GIB) : null);
    note('tcp4', (await tcp(site, target, seconds, ['-P', '4'])).bitsPerSecond / 1e9);
    note('tcpReverse', (await tcp(site, target, seconds, ['-R'])).bitsPerSecond / 1e9);
    note('rttLoaded', await loadedRtt(site, target, seconds));
    await sleep(SETTLE_MS);
    const idle = await pings(site, target, IDLE_PINGS);
    note('rttMedian', median(idle));
    note('rttP99', percentile(idle, 0.99));
    note('udpLarge', (await udp(site, target, seconds, MTU - UDP_OVERHEAD)).bitsPerSecond / 1e9);
    note('udpSmall', (await udp(site, target, seconds, SMALL_LEN)).packetsPerSecond / 1e3);
    note('rss', hasProcesses ? peakRssBytes(site.pids) / 1e6 : null);
    return round as Round;
  });
}

/** Median round trip in ms while a TCP stream runs. */
async function loadedRtt(site: Site, target: string, seconds: number): Promise<number> {
  const stream = tcp(site, target, seconds);
  const measured = sleep(LEAD_MS).then(() =>
    pings(site, target, Math.max(20, (seconds * 1_000 - 2 * LEAD_MS) / 10)),
  );
  const [rtts] = await Promise.all([measured, stream]);
  return median(rtts);
}
