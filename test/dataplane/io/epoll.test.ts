/** Which of many descriptors are ready. */
import { afterEach, describe, expect, test } from 'vitest';
import { Arena } from '../../../dataplane/io/arena.ts';
import { Epoll } from '../../../dataplane/io/epoll.ts';
import { closeFd, drainEventFd, openEventFd, signalEventFd } from '../../../dataplane/io/eventfd.ts';

const open: number[] = [];
afterEach(() => {
  for (const fd of open.splice(0)) closeFd(fd);
});

function eventFd(): number {
  const fd = openEventFd();
  open.push(fd);
  return fd;
}

function dataOf(epoll: Epoll): number[] {
  return Array.from({ length: epoll.wait(0) }, (_, i) => epoll.data(i)).sort((a, b) => a - b);
}

function epollOf(capacity: number): Epoll {
  const epoll = new Epoll(new Arena(65_536), capacity);
  open.push(epoll.fd);
  return epoll;
}

describe('Epoll', () => {
  test('gives what is ready, until it was read', () => {
    const epoll = epollOf(8);
    const fds = [5, 2 ** 31 - 1, 0].map((data) => {
      const fd = eventFd();
      expect(epoll.add(fd, data)).toBe(true);
      return fd;
    });
    expect(dataOf(epoll)).toEqual([]);
    const [a = -1, b = -1] = fds;
    signalEventFd(a);
    signalEventFd(b);
    expect(dataOf(epoll)).toEqual([5, 2 ** 31 - 1]);
    drainEventFd(a);
    expect(dataOf(epoll)).toEqual([2 ** 31 - 1]);
    expect(epoll.isError(0)).toBe(false);
    epoll.remove(b);
    expect(dataOf(epoll)).toEqual([]);
  });

  test('gives no more than its capacity at once, and the others next', () => {
    const epoll = epollOf(2);
    for (let data = 0; data < 3; data++) {
      const fd = eventFd();
      epoll.add(fd, data);
      signalEventFd(fd);
    }
    const [first, second] = [dataOf(epoll), dataOf(epoll)];
    expect(first.length).toBe(2);
    expect(new Set([...first, ...second])).toEqual(new Set([0, 1, 2]));
  });

  test('add() refuses what is no descriptor, or is there', () => {
    const epoll = epollOf(2);
    const fd = eventFd();
    expect(epoll.add(fd, 1)).toBe(true);
    expect(epoll.add(fd, 1)).toBe(false);
    expect(epoll.add(-1, 1)).toBe(false);
  });
});
