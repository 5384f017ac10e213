/** Worker pools in network namespaces: two hosts on one link, keyed by the test itself. */
import { randomBytes } from 'node:crypto';
import { readdirSync, readlinkSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { vi } from 'vitest';
import type { Endpoint, PeerSpec, SaSpec } from '../../../dataplane/contract.ts';
import type { PoolOptions, WorkerPool } from '../../../dataplane/worker/pool.ts';
import { MAIN, requireDist } from '../../support/dist.ts';
import type { Lab, Namespace } from '../../support/netns.ts';

export const VNI = 7;
const PORT = 6_081;

/** A queue's thread loads compiled code beside it, so the pool is the compiled one too. */
export async function compiled<T>(path: string): Promise<T> {
  requireDist();
  return (await import(pathToFileURL(resolve(dirname(MAIN), '..', path)).href)) as T;
}

type PoolModule = typeof import('../../../dataplane/worker/pool.ts');

export interface Heard {
  readonly replaced: [queue: number, reason: string][];
  readonly endpoints: [slot: number, endpoint: Endpoint][];
  readonly tooSmall: number[];
  lost: number;
  /** Names of ports. */
  readonly portsLost: string[];
}

export interface Site {
  readonly host: Namespace;
  readonly pool: WorkerPool;
  readonly heard: Heard;
}

export interface SiteOptions extends Partial<PoolOptions> {
  readonly interfaceName?: string;
  readonly vni?: number;
}

export async function openSite(
  host: Namespace,
  { interfaceName = 'icxm0', vni = VNI, ...options }: SiteOptions = {},
): Promise<Site> {
  const { WorkerPool: Pool } = await compiled<PoolModule>('dataplane/worker/pool.js');
  const heard: Heard = { replaced: [], endpoints: [], tooSmall: [], lost: 0, portsLost: [] };
  const settings = {
    networks: [{ vni, interfaceName, switch: null }],
    listen: '0.0.0.0',
    listenPort: PORT,
    controlPort: 6_082,
    queues: 1,
    maxPeers: 4,
    fragment: false,
    ...options,
  };
  const pool = await host.enter(() =>
    Pool.open(settings, {
      onWorkerReplaced: (queue, reason) => heard.replaced.push([queue, reason]),
      onEndpoint: (slot, endpoint) => heard.endpoints.push([slot, endpoint]),
      onPathTooSmall: (slot) => heard.tooSmall.push(slot),
      onInterfaceLost: () => {
        heard.lost++;
      },
      onPortLost: (_vni, name) => heard.portsLost.push(name),
    }),
  );
  return { host, pool, heard };
}

export function peer(overrides: Partial<PeerSpec> = {}): PeerSpec {
  return {
    slot: 1,
    vni: VNI,
    routes: [],
    endpoint: null,
    rxRateLimitPps: 0,
    validateSource: false,
    keepaliveMs: 0,
    mtuBytes: 1_400,
    exit: false,
    controlPort: 6_082,
    ...overrides,
  };
}

export function sa(overrides: Partial<SaSpec> = {}): SaSpec {
  const key = new Uint8Array(randomBytes(16));
  return { slot: 1, vni: VNI, lane: 0, spi: 1, suite: 0, lifetimeMs: 600_000, key, ...overrides };
}

/** Two pools whose overlays are 10.77.0.1 and .2, fd77::1 and ::2. `b` has no endpoint for `a`. */
export async function openPair(lab: Lab, queues: number): Promise<{ a: Site; b: Site }> {
  const [ha, hb] = [lab.addHost('a'), lab.addHost('b')];
  lab.link(ha, hb, { addresses: [['192.0.2.1/24'], ['192.0.2.2/24']] });
  const a = await openSite(ha, { queues });
  const b = await openSite(hb, { queues });
  for (const [site, own] of [
    [a, 1],
    [b, 2],
  ] as const) {
    site.host.ip('link set icxm0 addrgenmode none mtu 1400 up');
    site.host.ip(`address add 10.77.0.${own}/24 dev icxm0`);
    site.host.ip(`address add fd77::${own}/64 dev icxm0 nodad`);
    const other = 3 - own;
    const routes = [
      { dst: `10.77.0.${other}/32`, src: '0.0.0.0/0' },
      { dst: `fd77::${other}/128`, src: '::/0' },
    ];
    const endpoint = own === 1 ? { address: '192.0.2.2', port: PORT } : null;
    await site.pool.setPeers([peer({ routes, endpoint })]);
  }
  return { a, b };
}

let generation = 0;

/** Keys every lane from one site to the other anew. @returns SPIs by lane. */
export async function rekey(from: Site, to: Site): Promise<number[]> {
  generation++;
  const lanes = Array.from({ length: from.pool.lanes }, (_, lane) => lane);
  const sas = lanes.map((lane) => {
    // A multiple of the receiver's queues, plus the queue that the lane goes to.
    const spi = generation * 16 * to.pool.lanes + to.pool.lanes + lane;
    return sa({ lane, spi });
  });
  await to.pool.installRx(sas.map((spec) => ({ ...spec, key: spec.key.slice() })));
  await from.pool.installTx(sas);
  return sas.map(({ spi }) => spi);
}

/** Descriptors of this process; what they are stays the same when a number is reused for the same. */
export function descriptors(): string[] {
  return readdirSync('/proc/self/fd')
    .map((fd) => {
      try {
        return `${fd} ${readlinkSync(`/proc/self/fd/${fd}`)}`;
      } catch {
        return '';
      }
    })
    .filter((text) => text !== '' && !text.endsWith('/fd'))
    .sort();
}

/** The threads of a pool's queues, in order. */
export function threadsOf(pool: WorkerPool): Worker[] {
  const post = vi.spyOn(Worker.prototype, 'postMessage');
  pool.sendKeepalive(4);
  const threads = post.mock.contexts as Worker[];
  post.mockRestore();
  return [...threads];
}

/** Makes a queue's thread die of a message that is none. */
export function kill(pool: WorkerPool, queue: number): void {
  threadsOf(pool)[queue]?.postMessage({ id: 0 });
  pool.sendKeepalive(4);
}

/** Share of one core that this process uses in `ms`; the least of three tries. */
export async function cpuShare(ms: number): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 3 && least > 0.01; i++) {
    const before = process.cpuUsage();
    await new Promise((done) => setTimeout(done, ms));
    const { user, system } = process.cpuUsage(before);
    least = Math.min(least, (user + system) / 1_000 / ms);
  }
  return least;
}
