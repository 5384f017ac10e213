/** A wake-up for a thread that sleeps in poll(2). @see eventfd(2) */
import { addressOf, close, eventfd, read, SystemCallError, write } from './libc.ts';

const EFD_CLOEXEC = 0x80000;
const EFD_NONBLOCK = 0x800;

const one = new Uint8Array(new BigUint64Array([1n]).buffer);
const drained = new Uint8Array(8);

/** @throws {SystemCallError} */
export function openEventFd(): number {
  const fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (fd < 0) throw new SystemCallError('open an eventfd');
  return fd;
}

/** Makes the descriptor readable; from any thread. */
export function signalEventFd(fd: number): void {
  write(fd, addressOf(one), 8);
}

/** Makes the descriptor unreadable until the next signal. */
export function drainEventFd(fd: number): void {
  read(fd, addressOf(drained), 8);
}

export function closeFd(fd: number): void {
  close(fd);
}
