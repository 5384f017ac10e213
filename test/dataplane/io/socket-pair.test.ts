/** A TUN queue's stand-in: packets kept apart, both ways, nothing waited for. */
import { readdirSync } from 'node:fs';
import { afterEach, describe, expect, test } from 'vitest';
import { addressOf, close, Errno, errno, fcntl, poll, read, write } from '../../../dataplane/io/libc.ts';
import { openSocketPair } from '../../../dataplane/io/socket-pair.ts';

const F_GETFD = 1;
const F_GETFL = 3;
const FD_CLOEXEC = 1;
const O_NONBLOCK = 0x800;
const POLLIN = 1;

const opened: number[] = [];
afterEach(() => {
  for (const fd of opened.splice(0)) close(fd);
});

function pair(): readonly [number, number] {
  const fds = openSocketPair();
  opened.push(...fds);
  return fds;
}

function put(fd: number, bytes: Buffer): number {
  // V8 may move small ones.
  const still = Buffer.alloc(Math.max(bytes.length, 128));
  bytes.copy(still);
  return write(fd, addressOf(still), bytes.length);
}

function get(fd: number, len = 70_000): Buffer | null {
  const bytes = Buffer.alloc(Math.max(len, 128));
  const got = read(fd, addressOf(bytes), len);
  return got < 0 ? null : bytes.subarray(0, got);
}

function readyEvents(fd: number): number {
  const pollfd = Buffer.alloc(128);
  pollfd.writeInt32LE(fd, 0);
  pollfd.writeInt16LE(POLLIN, 4);
  poll(addressOf(pollfd), 1, 0);
  return pollfd.readInt16LE(6);
}

describe('openSocketPair()', () => {
  test('keeps packets apart, of any length, both ways', () => {
    const [a, b] = pair();
    const packets = [1, 1_500, 20, 66_000].map((len, i) => Buffer.alloc(len, i + 1));
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      for (const packet of packets) expect(put(from, packet)).toBe(packet.length);
      for (const packet of packets) expect(get(to)?.equals(packet)).toBe(true);
    }
  });

  test('cuts a packet to the room there is, and does not give the rest later', () => {
    const [a, b] = pair();
    put(a, Buffer.alloc(100, 7));
    put(a, Buffer.alloc(10, 8));
    expect(get(b, 60)).toEqual(Buffer.alloc(60, 7));
    expect(get(b)).toEqual(Buffer.alloc(10, 8));
  });

  test('does not wait: not for a packet, nor for room', () => {
    const [a, b] = pair();
    expect(get(b)).toBeNull();
    expect(errno()).toBe(Errno.EAGAIN);
    const packet = Buffer.alloc(1_000);
    let written = 0;
    while (put(a, packet) > 0) written++;
    expect(errno()).toBe(Errno.EAGAIN);
    expect(written).toBeGreaterThan(10);
    while (get(b) !== null) written--;
    expect(written).toBe(0);
  });

  test('poll(2) tells of a packet, as of one in a TUN queue', () => {
    const [a, b] = pair();
    expect(readyEvents(b)).toBe(0);
    put(a, Buffer.alloc(10));
    expect(readyEvents(b)).toBe(POLLIN);
    get(b);
    expect(readyEvents(b)).toBe(0);
  });

  test('both are non-blocking and closed to programs that are started', () => {
    for (const fd of pair()) {
      expect(fcntl(fd, F_GETFD, 0)).toBe(FD_CLOEXEC);
      expect(fcntl(fd, F_GETFL, 0) & O_NONBLOCK).toBe(O_NONBLOCK);
    }
  });

  test('opens two descriptors and no more', () => {
    const count = () => readdirSync('/proc/self/fd').length;
    const before = count();
    const fds = openSocketPair();
    expect(count()).toBe(before + 2);
    for (const fd of fds) close(fd);
    expect(count()).toBe(before);
  });
});
