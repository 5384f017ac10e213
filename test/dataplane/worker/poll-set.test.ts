/** The poll set keeps places, mutes, and has an end. */
import { afterEach, describe, expect, test } from 'vitest';
import { Arena } from '../../../dataplane/io/arena.ts';
import { closeFd, openEventFd, signalEventFd } from '../../../dataplane/io/eventfd.ts';
import { openSocketPair } from '../../../dataplane/io/socket-pair.ts';
import { PollSet } from '../../../dataplane/worker/poll-set.ts';

const fds: number[] = [];
afterEach(() => {
  for (const fd of fds.splice(0)) closeFd(fd);
});

function eventFds(count: number): number[] {
  const made = Array.from({ length: count }, () => openEventFd());
  fds.push(...made);
  return made;
}

const makeSet = (capacity = 8) => new PollSet(new Arena(65_536), capacity);
const readyPlaces = (set: PollSet) =>
  Array.from({ length: set.count }, (_, i) => i).filter((i) => set.isReady(i));

describe('PollSet', () => {
  test('tells which descriptors have something', () => {
    const set = makeSet();
    const own = eventFds(3);
    expect(own.map((fd) => set.add(fd))).toEqual([0, 1, 2]);
    expect(set.wait(0)).toBe(0);
    expect(readyPlaces(set)).toEqual([]);
    signalEventFd(own[1] ?? -1);
    expect(set.wait(1_000)).toBe(1);
    expect(readyPlaces(set)).toEqual([1]);
    expect(set.isBroken(1)).toBe(false);
  });

  test('remove() moves those behind up, muted ones too', () => {
    const set = makeSet();
    const own = eventFds(4);
    for (const fd of own) {
      set.add(fd);
      signalEventFd(fd);
    }
    set.mute(2);
    expect(set.wait(0)).toBe(3);
    set.remove(0);
    expect(set.count).toBe(3);
    // Results of another place are none.
    expect(readyPlaces(set)).toEqual([]);
    expect(set.wait(0)).toBe(2);
    expect(readyPlaces(set)).toEqual([0, 2]);
    set.remove(2);
    expect(set.wait(0)).toBe(1);
    expect(readyPlaces(set)).toEqual([0]);
  });

  test('says that an end is gone', () => {
    const set = makeSet();
    const [fd, other] = openSocketPair();
    fds.push(fd);
    set.add(fd);
    closeFd(other);
    expect(set.wait(0)).toBe(1);
    expect(set.isBroken(0)).toBe(true);
    set.mute(0);
    expect(set.wait(0)).toBe(0);
  });

  test('refuses one more than it has room for, and takes it when another went', () => {
    const set = makeSet(2);
    const [a = -1, b = -1, c = -1] = eventFds(3);
    set.add(a);
    set.add(b);
    expect(() => set.add(c)).toThrow(new RangeError('Cannot poll more than 2 descriptors'));
    expect(set.count).toBe(2);
    set.remove(0);
    expect(set.add(c)).toBe(1);
    signalEventFd(c);
    expect(set.wait(0)).toBe(1);
    expect(readyPlaces(set)).toEqual([1]);
  });
});
