import { afterEach, describe, expect, test, vi } from 'vitest';
import type { PeerSpec } from '../../../dataplane/contract.ts';
import type { WorkerCommand, WorkerSetup } from '../../../dataplane/worker/messages.ts';
import { type PoolEvents, WorkerPool } from '../../../dataplane/worker/pool.ts';
import type { QueueThreadEvents } from '../../../dataplane/worker/queue-thread.ts';

/** Threads without a thread, on descriptors without a file: they die when a test says so. */
const fake = vi.hoisted(() => ({ threads: [] as FakeThread[], failures: 0 }));

interface FakeThread {
  readonly setup: WorkerSetup;
  readonly events: QueueThreadEvents;
  readonly commands: WorkerCommand[];
  die(): void;
}

vi.mock('../../../dataplane/io/eventfd.ts', () => ({ openEventFd: () => 9, closeFd: () => {} }));
vi.mock('../../../dataplane/port/tun.ts', () => ({
  openTun: (name: string, queues: number) => ({ name, fds: Array(queues).fill(8) }),
}));
vi.mock('../../../dataplane/port/udp-socket.ts', () => ({
  boundPort: () => 6081,
  openUdpSocket: () => ({ fd: 7, family: 10, gro: true }),
  setFragmentation: () => {},
  steerBySpi: () => {},
}));
vi.mock('../../../dataplane/worker/queue-thread.ts', () => ({
  WORKER_DEAD: 'DEAD',
  QueueThread: class {
    readonly setup: WorkerSetup;
    readonly ready: Promise<object>;
    readonly commands: WorkerCommand[] = [];
    readonly events: QueueThreadEvents;
    #dead = false;
    constructor(setup: WorkerSetup, events: QueueThreadEvents) {
      this.setup = setup;
      this.events = events;
      fake.threads.push(this);
      const fails = fake.failures > 0;
      if (fails) fake.failures -= 1;
      this.ready = fails ? Promise.reject(new Error('out of memory')) : Promise.resolve({ aead: 'none' });
      if (fails) queueMicrotask(() => this.die());
    }
    async request(command: WorkerCommand): Promise<null> {
      if (this.#dead) throw Object.assign(new Error('gone'), { code: 'DEAD' });
      this.commands.push(command);
      return null;
    }
    die(): void {
      this.#dead = true;
      this.events.onDeath(this.setup.queue, 'killed');
    }
    async stop(): Promise<void> {}
  },
}));

const peer: PeerSpec = {
  slot: 1,
  vni: 7,
  routes: [],
  endpoint: null,
  rxRateLimitPps: 0,
  validateSource: false,
  keepaliveMs: 0,
  mtuBytes: 1_392,
  controlPort: 0,
};
const WORDS = Uint32Array.of(0, 0, 0xffff, 0xc0000201, 6081 << 16);

async function openPool(events: Partial<PoolEvents> = {}): Promise<WorkerPool> {
  vi.useFakeTimers();
  const options = { interfaceName: 'icx0', vni: 7, listen: '::', listenPort: 6081, controlPort: 6082 };
  const hears = { onWorkerReplaced: () => {}, onEndpoint: () => {}, onPathTooSmall: () => {}, ...events };
  const pool = await WorkerPool.open({ ...options, queues: 2, maxPeers: 4, fragment: false }, hears);
  await pool.setPeers([peer]);
  return pool;
}

/** Thread number `index` of all that were started. */
function thread(index: number): FakeThread {
  const found = fake.threads[index];
  if (found === undefined) throw new Error(`no thread ${index}`);
  return found;
}

afterEach(() => {
  vi.useRealTimers();
  fake.threads.length = 0;
  fake.failures = 0;
});

describe('WorkerPool', () => {
  test('replaces a thread that died, with its peers and where they were seen last', async () => {
    const replaced: number[] = [];
    await openPool({ onWorkerReplaced: (queue) => replaced.push(queue) });
    thread(0).events.onEndpoint(0, 1, WORDS);
    await vi.advanceTimersByTimeAsync(5_000);
    thread(1).die();
    await vi.advanceTimersByTimeAsync(10);
    expect(replaced).toEqual([1]);
    expect(thread(2).commands).toEqual([
      { kind: 'setPeers', peers: [peer] },
      { kind: 'learnEndpoint', slot: 1, words: WORDS },
    ]);
  });

  test.each([
    ['its endpoint is configured anew', { endpoint: { address: '192.0.2.9', port: 6081 } }],
    ['its source is validated', { validateSource: true }],
  ])('forgets where a peer was seen when %s', async (_, change) => {
    const pool = await openPool();
    thread(0).events.onEndpoint(0, 1, WORDS);
    await pool.setPeers([{ ...peer, ...change }]);
    thread(1).die();
    await vi.advanceTimersByTimeAsync(5_000);
    expect(thread(2).commands.map(({ kind }) => kind)).toEqual(['setPeers']);
  });

  test('does not say where a peer is that was removed meanwhile', async () => {
    const seen: number[] = [];
    const pool = await openPool({ onEndpoint: (slot) => seen.push(slot) });
    await pool.removePeer(1);
    thread(0).events.onEndpoint(0, 1, WORDS);
    expect(seen).toEqual([]);
    expect(thread(1).commands.map(({ kind }) => kind)).toEqual(['setPeers', 'removePeer']);
  });

  test('waits a second before it replaces a thread that died at once, again and again', async () => {
    await openPool();
    await vi.advanceTimersByTimeAsync(5_000);
    fake.failures = 1_000;
    thread(1).die();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(fake.threads.length).toBeGreaterThan(5);
    expect(fake.threads.length).toBeLessThan(15);
    fake.failures = 0;
    await vi.advanceTimersByTimeAsync(2_000);
    expect(fake.threads.at(-1)?.commands).toEqual([{ kind: 'setPeers', peers: [peer] }]);
  });

  test('changes peers and SAs on the queues that live while one is being replaced', async () => {
    const pool = await openPool();
    thread(1).die();
    await pool.setPeers([{ ...peer, mtuBytes: 1_300 }]);
    await pool.removeTx(1);
    await expect(pool.progress(1)).resolves.toMatchObject({ txSas: [] });
    await vi.advanceTimersByTimeAsync(5_000);
    expect(thread(2).commands).toEqual([{ kind: 'setPeers', peers: [{ ...peer, mtuBytes: 1_300 }] }]);
  });

  test('starts no thread any more once closed', async () => {
    const pool = await openPool();
    thread(1).die();
    await pool.close();
    await vi.advanceTimersByTimeAsync(5_000);
    expect(fake.threads).toHaveLength(2);
  });
});
