import { describe, expect, test, vi } from 'vitest';
import { closeFd, openEventFd } from '../../../dataplane/io/eventfd.ts';
import { CounterBlock } from '../../../dataplane/path/counters.ts';
import { QueueThread, WORKER_DEAD } from '../../../dataplane/worker/queue-thread.ts';

/** A thread that ends at its start, because there is no VNI 0. */
function thread(onDeath: (queue: number, reason: string) => void) {
  const wakeFd = openEventFd();
  const setup = {
    queue: 3,
    tunFd: -1,
    udpFd: -1,
    sendFd: -1,
    socketFamily: 10,
    wakeFd,
    vni: 0,
    controlPort: 0,
    counters: CounterBlock.allocate(1),
    peerSlots: 1,
    flowHashKey: new Uint8Array(16),
  };
  const subject = new QueueThread(setup, { onEndpoint: () => {}, onPathTooSmall: () => {}, onDeath });
  return { subject, close: () => closeFd(wakeFd) };
}

describe('QueueThread', () => {
  test('request() answers for a thread that ended, before and after it did', async () => {
    const onDeath = vi.fn();
    const { subject, close } = thread(onDeath);
    const before = subject.request({ kind: 'removeTx', slot: 1 });
    await expect(before).rejects.toMatchObject({ code: WORKER_DEAD });
    expect(onDeath).toHaveBeenCalledWith(3, expect.any(String));
    const after = subject.request({ kind: 'removeTx', slot: 1 });
    await expect(after).rejects.toMatchObject({ code: WORKER_DEAD });
    await expect(subject.ready).rejects.toMatchObject({ code: WORKER_DEAD });
    await subject.stop(10);
    close();
  });
});
