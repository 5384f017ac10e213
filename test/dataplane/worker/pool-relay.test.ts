/** A relay on the main thread: what its queue is told, and what is told again. */
import { describe, expect, test } from 'vitest';
import type { RelaySpec, WorkerCommand } from '../../../dataplane/worker/messages.ts';
import type { PortHost } from '../../../dataplane/worker/pool-ports.ts';
import { PoolRelay } from '../../../dataplane/worker/pool-relay.ts';
import { WorkerError } from '../../../dataplane/worker/queue-thread.ts';
import { relaySpec } from './relay-network-rig.ts';

const { port: _, ...SETTINGS } = relaySpec();
const GONE = new WorkerError('ERR_ICX_WORKER_DEAD', 'gone');

class FakeHost {
  readonly asked: WorkerCommand[] = [];
  readonly taken = new Set<number>();
  answer: () => Promise<unknown> = async () => null;
  readonly host = {
    takeId: () => {
      this.taken.add(100);
      return 100;
    },
    giveBackId: (id: number) => void this.taken.delete(id),
    ask: (command: WorkerCommand) => {
      this.asked.push(command);
      return this.answer();
    },
  } as unknown as PortHost;
}

describe('PoolRelay', () => {
  test('tells its queue what is new, once', async () => {
    const { asked, host } = new FakeHost();
    const relay = new PoolRelay(7, host, false);
    expect(relay.commands()).toEqual([]);
    await relay.set(null);
    await relay.set(SETTINGS);
    await relay.set({ ...SETTINGS });
    await relay.set({ ...SETTINGS, mtuBytes: 1_000 });
    const spec = (mtuBytes: number): RelaySpec => ({ ...SETTINGS, port: 0, mtuBytes });
    const command = (own: RelaySpec | null) => ({ kind: 'setRelay', vni: 7, relay: own });
    expect(asked).toEqual([command(spec(1_400)), command(spec(1_000))]);
    expect(relay.commands()).toEqual([command(spec(1_000))]);
    await relay.set(null);
    expect(asked.at(-1)).toEqual(command(null));
    expect(relay.commands()).toEqual([]);
  });

  test('has a number among the ports of a switch, for as long as it is there', async () => {
    const { taken, host } = new FakeHost();
    const relay = new PoolRelay(7, host, true);
    expect(relay.port).toBe(0);
    await relay.set(SETTINGS);
    await relay.set({ ...SETTINGS, mtuBytes: 1_000 });
    expect([relay.port, [...taken]]).toEqual([100, [100]]);
    await relay.set(null);
    expect([...taken]).toEqual([]);
    await relay.set(SETTINGS);
    relay.close();
    expect([...taken]).toEqual([]);
  });

  test('stays as it was when the queue refuses', async () => {
    const fake = new FakeHost();
    const relay = new PoolRelay(7, fake.host, true);
    fake.answer = () => Promise.reject(new WorkerError('ERR_ICX_DATAPLANE', 'no'));
    await expect(relay.set(SETTINGS)).rejects.toThrow('no');
    expect([relay.commands(), [...fake.taken]]).toEqual([[], []]);
    fake.answer = async () => null;
    await relay.set(SETTINGS);
    fake.answer = () => Promise.reject(new WorkerError('ERR_ICX_DATAPLANE', 'no'));
    await expect(relay.set({ ...SETTINGS, mtuBytes: 1_000 })).rejects.toThrow('no');
    expect(relay.commands()).toMatchObject([{ relay: { port: 100, mtuBytes: 1_400 } }]);
    expect([...fake.taken]).toEqual([100]);
  });

  test('is told to the thread that comes when there is none', async () => {
    const fake = new FakeHost();
    const relay = new PoolRelay(7, fake.host, false);
    fake.answer = () => Promise.reject(GONE);
    await relay.set(SETTINGS);
    expect(relay.commands()).toHaveLength(1);
    expect([await relay.read(), await relay.sessions()]).toEqual([null, []]);
  });

  test('asks nobody where there is none', async () => {
    const { asked, host } = new FakeHost();
    const relay = new PoolRelay(7, host, false);
    expect([await relay.read(), await relay.sessions(), asked]).toEqual([null, [], []]);
  });
});
