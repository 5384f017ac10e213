/** The wake-up for threads that sleep in poll(2). */
import { Worker } from 'node:worker_threads';
import { describe, expect, test } from 'vitest';
import { closeFd, drainEventFd, openEventFd, signalEventFd } from '../../../dataplane/io/eventfd.ts';
import { addressOf, fcntl, poll } from '../../../dataplane/io/libc.ts';

const POLLIN = 1;
const F_GETFD = 1;
const FD_CLOEXEC = 1;

function isReadable(fd: number, waitMs = 0): boolean {
  const pollfd = Buffer.alloc(128);
  pollfd.writeInt32LE(fd, 0);
  pollfd.writeInt16LE(POLLIN, 4);
  return poll(addressOf(pollfd), 1, waitMs) === 1;
}

describe('eventfd', () => {
  test('is readable from a signal until it is drained, however many signals there were', () => {
    const fd = openEventFd();
    expect(isReadable(fd)).toBe(false);
    for (let i = 0; i < 3; i++) signalEventFd(fd);
    expect(isReadable(fd)).toBe(true);
    expect(isReadable(fd)).toBe(true);
    drainEventFd(fd);
    expect(isReadable(fd)).toBe(false);
    closeFd(fd);
  });

  test('drainEventFd() does not block when there is nothing to drain', () => {
    const fd = openEventFd();
    drainEventFd(fd);
    expect(isReadable(fd)).toBe(false);
    closeFd(fd);
  });

  test('is not inherited by programs, and is gone once closed', () => {
    const fd = openEventFd();
    expect(fcntl(fd, F_GETFD, 0)).toBe(FD_CLOEXEC);
    closeFd(fd);
    expect(fcntl(fd, F_GETFD, 0)).toBe(-1);
  });

  test('signalEventFd() wakes a thread that sleeps in poll()', async () => {
    const fd = openEventFd();
    const koffi = import.meta.resolve('koffi');
    const program = `
      const { parentPort, workerData } = require('node:worker_threads');
      import(${JSON.stringify(koffi)}).then(({ default: koffi }) => {
        const poll = koffi.load('libc.so.6').func('poll', 'int', ['void*', 'int', 'int']);
        const pollfd = Buffer.alloc(128);
        pollfd.writeInt32LE(workerData, 0);
        pollfd.writeInt16LE(1, 4);
        parentPort.postMessage('sleeps');
        parentPort.postMessage(poll(pollfd, 1, 10_000));
      });`;
    const worker = new Worker(program, { eval: true, workerData: fd });
    const answers: unknown[] = [];
    let wokenMs = Number.NaN;
    await new Promise<void>((resolve, reject) => {
      worker.on('error', reject);
      worker.on('exit', () => resolve());
      worker.on('message', (message: unknown) => {
        answers.push(message);
        if (message === 'sleeps') {
          wokenMs = performance.now();
          setTimeout(() => signalEventFd(fd), 50);
        }
      });
    });
    expect(answers).toEqual(['sleeps', 1]);
    expect(performance.now() - wokenMs).toBeLessThan(5_000);
    closeFd(fd);
  });
});
