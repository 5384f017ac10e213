/** Two connected sockets that keep packets apart: a TUN queue for who reads and writes the other end. @see unix(7) */
import { addressOf, SystemCallError, socketpair } from './libc.ts';

const AF_UNIX = 1;
const SOCK_SEQPACKET = 5;
const SOCK_NONBLOCK = 0x800;
const SOCK_CLOEXEC = 0x80000;

/** @returns Both descriptors; the owner closes them. @throws {SystemCallError} */
export function openSocketPair(): readonly [number, number] {
  const fds = Buffer.alloc(128);
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, addressOf(fds)) < 0) {
    throw new SystemCallError('open a pair of sockets');
  }
  return [fds.readInt32LE(0), fds.readInt32LE(4)];
}
