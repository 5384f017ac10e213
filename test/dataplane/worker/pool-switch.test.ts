/** A switch on the main thread: what it opens, tells its queue, restores, and gives back. */
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { AnswerTo, SwitchReading, WorkerCommand } from '../../../dataplane/worker/messages.ts';
import type { PortHost } from '../../../dataplane/worker/pool-ports.ts';
import { PoolSwitch } from '../../../dataplane/worker/pool-switch.ts';
import type { UnixPortOptions, VxlanPortOptions } from '../../../dataplane/worker/port-options.ts';
import { WorkerError } from '../../../dataplane/worker/queue-thread.ts';
import { VxlanSockets } from '../../../dataplane/worker/vxlan-sockets.ts';
import { SocketSet } from '../port/udp-ports.ts';

const VNI = 7;
const FIRST_ID = 100;
const GONE = new WorkerError('ERR_ICX_WORKER_DEAD', 'queue 0 is gone');
const MAC = '02:00:00:00:00:01';

/** A queue that answers when it is told to, or refuses. */
class FakeQueue implements PortHost {
  readonly vxlan = new VxlanSockets();
  readonly asked: WorkerCommand[] = [];
  readonly free: number[] = [];
  answer: (command: WorkerCommand) => unknown = () => null;
  #next = FIRST_ID;

  takeId(): number {
    return this.free.pop() ?? this.#next++;
  }

  giveBackId(id: number): void {
    expect(this.free).not.toContain(id);
    this.free.push(id);
  }

  async ask<C extends WorkerCommand>(command: C): Promise<AnswerTo<C['kind']>> {
    this.asked.push(command);
    return (await this.answer(command)) as AnswerTo<C['kind']>;
  }

  /** Numbers that are neither free nor were ever taken. */
  taken(): number {
    return this.#next - FIRST_ID - this.free.length;
  }
}

let room: string;
let queue: FakeQueue;
let own: PoolSwitch;
let before: number;
const openFds = () => readdirSync('/proc/self/fd').length;

beforeEach(() => {
  room = mkdtempSync(join(tmpdir(), 'icx-pool-switch-'));
  queue = new FakeQueue();
  own = new PoolSwitch(VNI, queue, null);
  before = openFds();
});
afterEach(() => {
  own.close();
  expect(openFds()).toBe(before);
  expect(queue.taken()).toBe(0);
  expect(readdirSync(room)).toEqual([]);
  rmSync(room, { recursive: true });
});

function unix(name: string, path = name): UnixPortOptions {
  return {
    type: 'unix',
    name,
    path: join(room, path),
    remote: null,
    mode: 0o600,
    mtuBytes: 1_500,
    maxStations: 5,
    addresses: [],
  };
}

function vxlan(name: string, overrides: Partial<VxlanPortOptions> = {}): VxlanPortOptions {
  return {
    type: 'vxlan',
    name,
    vni: 42,
    mtuBytes: 1_406,
    listen: '127.0.0.1',
    listenPort: 0,
    remotes: [],
    group: null,
    device: null,
    learnRemotes: true,
    ttl: 1,
    maxStations: null,
    ...overrides,
  };
}

const kinds = (commands: readonly WorkerCommand[]) => commands.map(({ kind }) => kind);

describe('PoolSwitch.addPort()', () => {
  test('opens a port and tells its queue, now and when another thread takes its place', async () => {
    await own.addPort(unix('vm'));
    await own.addPort(vxlan('fabric'));
    expect(own.ports().map(({ id, name }) => [id, name])).toEqual([
      [FIRST_ID, 'vm'],
      [FIRST_ID + 1, 'fabric'],
    ]);
    expect(own.portId('vm')).toBe(FIRST_ID);
    expect(existsSync(join(room, 'vm'))).toBe(true);
    expect(queue.asked).toMatchObject([
      { kind: 'addPort', vni: VNI, port: { kind: 'dgram', id: FIRST_ID, maxStations: 5 } },
      {
        kind: 'addPort',
        vni: VNI,
        port: { kind: 'vxlan', id: FIRST_ID + 1, tunnel: { vni: 42, maxStations: 4_096 } },
      },
    ]);
    expect(own.portCommands()).toEqual(queue.asked);
  });

  test('refuses a name that is taken, also by one that is still being added', async () => {
    const first = own.addPort(unix('vm'));
    await expect(own.addPort(vxlan('vm'))).rejects.toThrow('Cannot add port vm: there is one of that name');
    await first;
    await expect(own.addPort(vxlan('vm'))).rejects.toThrow(RangeError);
    expect(own.ports()).toHaveLength(1);
  });

  test.each<[string, () => Promise<void>]>([
    ['a path that is taken', () => own.addPort(unix('other', 'vm'))],
    [
      'a device that is missing',
      () => own.addPort({ type: 'interface', name: 'eth', device: 'nosuchdev', maxStations: null }),
    ],
    ['a device that VXLAN shall use', () => own.addPort(vxlan('fabric', { device: 'nosuchdev' }))],
    ['a multicast group that is none', () => own.addPort(vxlan('fabric', { group: '10.0.0.1' }))],
  ])('leaves nothing of one that can’t be opened: %s', async (_, add) => {
    await own.addPort(unix('vm'));
    const [fds, asked] = [openFds(), queue.asked.length];
    await expect(add()).rejects.toMatchObject({ code: expect.stringMatching(/^E[A-Z_]+$/) });
    expect(openFds()).toBe(fds);
    expect(queue.taken()).toBe(1);
    expect(queue.asked).toHaveLength(asked);
    expect(own.ports().map(({ name }) => name)).toEqual(['vm']);
  });

  test.each([
    ['the queue refuses it', new WorkerError('ERR_ICX_DATAPLANE', 'Cannot poll more')],
    ['the queue is gone', GONE],
  ])('closes it again when %s, and it can be added later', async (_, error) => {
    queue.answer = () => Promise.reject(error);
    for (const options of [unix('vm'), vxlan('vm')]) await expect(own.addPort(options)).rejects.toBe(error);
    expect(openFds()).toBe(before);
    expect(existsSync(join(room, 'vm'))).toBe(false);
    expect(queue.taken()).toBe(0);
    expect(own.portCommands()).toEqual([]);
    queue.answer = () => null;
    await own.addPort(unix('vm'));
  });
});

describe('PoolSwitch.removePort()', () => {
  test('closes it, gives its number back, and forgets what is bound to it', async () => {
    await own.addPort(unix('vm'));
    const id = own.portId('vm') ?? 0;
    await own.addStation(MAC, id);
    await own.setNeighbour('10.77.0.1', MAC, id);
    await own.addStation('02:00:00:00:00:02', 1);
    expect(kinds(own.stationCommands())).toEqual(['addStation', 'addStation', 'setNeighbour']);
    expect(await own.removePort('vm')).toBe(true);
    expect(queue.asked.at(-1)).toEqual({ kind: 'removePort', vni: VNI, id });
    expect(own.stationCommands()).toMatchObject([{ kind: 'addStation', port: 1 }]);
    expect(queue.free).toEqual([id]);
    expect(openFds()).toBe(before);
    expect(await own.removePort('vm')).toBe(false);
  });

  test('is done when the queue is gone: another will not have it', async () => {
    await own.addPort(unix('vm'));
    queue.answer = () => Promise.reject(GONE);
    expect(await own.removePort('vm')).toBe(true);
    expect(openFds()).toBe(before);
    expect(queue.taken()).toBe(0);
    expect(own.portCommands()).toEqual([]);
  });

  test('closes the port only when the queue has let it go', async () => {
    await own.addPort(unix('vm'));
    let letGo = () => {};
    queue.answer = () =>
      new Promise<null>((resolve) => {
        letGo = () => resolve(null);
      });
    const removal = own.removePort('vm');
    await Promise.resolve();
    expect(openFds()).toBe(before + 1);
    expect(queue.free).toEqual([]);
    letGo();
    await removal;
    expect(openFds()).toBe(before);
  });

  test('lets the name come again while the old port goes', async () => {
    await own.addPort(unix('vm'));
    const removal = own.removePort('vm');
    await own.addPort(unix('vm', 'vm2'));
    await removal;
    expect(own.ports().map(({ id }) => id)).toEqual([FIRST_ID + 1]);
  });
});

describe('PoolSwitch', () => {
  test('knows its own interface as a port that nobody removes', async () => {
    const tap = { name: 'lan0', fds: [0], offloads: { tcp: true, udp: true } };
    const other = new PoolSwitch(VNI, queue, tap);
    expect(other.ports()).toEqual([{ id: FIRST_ID, name: 'lan0', options: null }]);
    expect(await other.removePort('lan0')).toBe(false);
    await expect(other.addPort(unix('lan0'))).rejects.toThrow(RangeError);
    other.close();
  });

  test.each<[string, (text: string) => Promise<unknown>]>([
    ['addStation', (text) => own.addStation(text, 1)],
    ['removeStation', (text) => own.removeStation(text)],
    ['setNeighbour', (text) => own.setNeighbour('10.0.0.1', text, 1)],
  ])('%s() refuses what is no MAC address', async (_, call) => {
    await expect(call('02:00:00:00:00')).rejects.toThrow('is no MAC address');
    expect(queue.asked).toEqual([]);
  });

  test.each<[string, (text: string) => Promise<unknown>]>([
    ['setNeighbour', (text) => own.setNeighbour(text, MAC, 1)],
    ['removeNeighbour', (text) => own.removeNeighbour(text)],
  ])('%s() refuses what is no IP address', async (_, call) => {
    await expect(call('10.0.0')).rejects.toThrow('is no IP address');
  });

  test('keeps for good what is bound, whatever its spelling, until it is removed', async () => {
    await own.addStation('02:00:00:00:00:0A', 1);
    await own.addStation('02:00:00:00:00:0a', 2);
    await own.setNeighbour('fd77:0::1', MAC, 1);
    await own.setNeighbour('fd77::1', MAC, 2);
    expect(own.stationCommands()).toMatchObject([
      { kind: 'addStation', port: 2 },
      { kind: 'setNeighbour', neighbour: { port: 2 } },
    ]);
    await own.removeStation('02:00:00:00:00:0a');
    await own.removeNeighbour('fd77::0:1');
    expect(own.stationCommands()).toEqual([]);
  });

  test('forgets what the queue refuses, and keeps what was bound before', async () => {
    const refusal = new WorkerError('ERR_ICX_DATAPLANE', 'There is no port 9');
    await own.addStation(MAC, 1);
    queue.answer = () => Promise.reject(refusal);
    await expect(own.addStation(MAC, 9)).rejects.toBe(refusal);
    await expect(own.addStation('02:00:00:00:00:02', 9)).rejects.toBe(refusal);
    await expect(own.setNeighbour('10.0.0.1', MAC, 9)).rejects.toBe(refusal);
    expect(own.stationCommands()).toMatchObject([{ kind: 'addStation', port: 1 }]);
  });

  test('restores nothing behind a port that went while a station was bound to it', async () => {
    await own.addPort(unix('vm'));
    const id = own.portId('vm') ?? 0;
    const binding = [own.addStation(MAC, id), own.setNeighbour('10.0.0.1', MAC, id)];
    await Promise.all([own.removePort('vm'), ...binding]);
    expect(own.stationCommands()).toEqual([]);
  });

  test('forgetPeer() forgets what is bound to the slot, which may be another’s then', async () => {
    await own.addStation(MAC, 1);
    await own.setNeighbour('10.0.0.1', MAC, 1);
    own.forgetPeer(2);
    expect(own.stationCommands()).toHaveLength(2);
    own.forgetPeer(1);
    expect(own.stationCommands()).toEqual([]);
  });

  test('read() is null while its queue is gone, and fails for all else', async () => {
    const reading = { ports: [] } as unknown as SwitchReading;
    queue.answer = () => reading;
    expect(await own.read()).toBe(reading);
    queue.answer = () => Promise.reject(GONE);
    expect(await own.read()).toBeNull();
    queue.answer = () => Promise.reject(new RangeError('network 7 has no switch'));
    await expect(own.read()).rejects.toThrow(RangeError);
  });

  test('asks for the rest what it is asked for', async () => {
    await own.flush(null);
    await own.flush(3);
    await own.stations();
    await own.neighbours();
    expect(queue.asked).toEqual([
      { kind: 'flushStations', vni: VNI, port: null },
      { kind: 'flushStations', vni: VNI, port: 3 },
      { kind: 'listStations', vni: VNI },
      { kind: 'listNeighbours', vni: VNI },
    ]);
  });
});

describe('VxlanSockets', () => {
  const sockets = new SocketSet();
  afterEach(() => sockets.close());
  /** A port that nobody has. */
  function freePort(): number {
    const { port } = sockets.open();
    sockets.close();
    return port;
  }
  const use = (listenPort: number, group: string | null = null, listen = '127.0.0.1') => ({
    listen,
    listenPort,
    device: null,
    group,
    ttl: 1,
  });

  test('share what listens on the same address and port, until the last use ends', () => {
    const all = new VxlanSockets();
    const port = freePort();
    const [a, b] = [all.open(use(port)), all.open(use(port))];
    expect(b.socket).toBe(a.socket);
    const other = all.open(use(port, null, '127.0.0.2'));
    expect(other.socket.fd).not.toBe(a.socket.fd);
    other.close();
    a.close();
    expect(openFds()).toBe(before + 1);
    b.close();
    expect(openFds()).toBe(before);
    all.open(use(port)).close();
  });

  test('that fail to join a group leave the others’ socket as it was', () => {
    const all = new VxlanSockets();
    const port = freePort();
    expect(() => all.open(use(port, '10.0.0.1'))).toThrow(
      expect.objectContaining({ code: 'ERR_ICX_VXLAN_GROUP' }),
    );
    expect(openFds()).toBe(before);
    const a = all.open(use(port));
    expect(() => all.open(use(port, '10.0.0.1'))).toThrow();
    expect(openFds()).toBe(before + 1);
    a.close();
    expect(openFds()).toBe(before);
  });
});
