/**
 * The C library's functions that the data plane calls, bound once through FFI.
 *
 * Pointers are plain numbers declared `int64_t`: a number up to 2^53 converts without a
 * BigInt, and no Buffer has to be looked up. koffi converts silently (2^32 + 5 becomes 5,
 * extra arguments are ignored), so every caller passes exactly what the signature names.
 * Every call but the errno ones returns -1 on failure and leaves the reason in `errno()`.
 */
import { getSystemErrorMap } from 'node:util';
import koffi from 'koffi';

const libc = koffi.load('libc.so.6');
const PTR = 'int64_t';

type Call<A extends unknown[]> = (...args: A) => number;

export const open = libc.func('open', 'int', ['str', 'int']) as Call<[path: string, flags: number]>;
export const close = libc.func('close', 'int', ['int']) as Call<[fd: number]>;
export const ioctl = libc.func('ioctl', 'int', ['int', 'ulong', PTR]) as Call<
  [fd: number, request: number, argument: number]
>;
export const fcntl = libc.func('fcntl', 'int', ['int', 'int', 'int']) as Call<
  [fd: number, command: number, argument: number]
>;
export const read = libc.func('read', 'int64_t', ['int', PTR, 'int']) as Call<
  [fd: number, at: number, len: number]
>;
export const write = libc.func('write', 'int64_t', ['int', PTR, 'int']) as Call<
  [fd: number, at: number, len: number]
>;
export const poll = libc.func('poll', 'int', [PTR, 'int', 'int']) as Call<
  [pollfds: number, count: number, timeoutMs: number]
>;
export const schedYield = libc.func('sched_yield', 'int', []) as Call<[]>;
export const socket = libc.func('socket', 'int', ['int', 'int', 'int']) as Call<
  [family: number, type: number, protocol: number]
>;
export const socketpair = libc.func('socketpair', 'int', ['int', 'int', 'int', PTR]) as Call<
  [family: number, type: number, protocol: number, fdsAt: number]
>;
export const bind = libc.func('bind', 'int', ['int', PTR, 'int']) as Call<
  [fd: number, sockaddr: number, len: number]
>;
export const connect = libc.func('connect', 'int', ['int', PTR, 'int']) as Call<
  [fd: number, sockaddr: number, len: number]
>;
export const getsockname = libc.func('getsockname', 'int', ['int', PTR, PTR]) as Call<
  [fd: number, sockaddr: number, lenAt: number]
>;
export const setsockopt = libc.func('setsockopt', 'int', ['int', 'int', 'int', PTR, 'int']) as Call<
  [fd: number, level: number, option: number, value: number, len: number]
>;
export const getsockopt = libc.func('getsockopt', 'int', ['int', 'int', 'int', PTR, PTR]) as Call<
  [fd: number, level: number, option: number, value: number, lenAt: number]
>;
export const sendto = libc.func('sendto', 'int64_t', ['int', PTR, 'int', 'int', PTR, 'int']) as Call<
  [fd: number, at: number, len: number, flags: number, sockaddr: number, sockaddrLen: number]
>;
export const recvfrom = libc.func('recvfrom', 'int64_t', ['int', PTR, 'int', 'int', PTR, PTR]) as Call<
  [fd: number, at: number, len: number, flags: number, sockaddr: number, sockaddrLenAt: number]
>;
export const recvmsg = libc.func('recvmsg', 'int64_t', ['int', PTR, 'int']) as Call<
  [fd: number, msghdr: number, flags: number]
>;
export const sendmmsg = libc.func('sendmmsg', 'int', ['int', PTR, 'uint', 'int']) as Call<
  [fd: number, mmsghdrs: number, count: number, flags: number]
>;
export const recvmmsg = libc.func('recvmmsg', 'int', ['int', PTR, 'uint', 'int', PTR]) as Call<
  [fd: number, mmsghdrs: number, count: number, flags: number, timeout: number]
>;
/** Between arenas: 30 ns for a packet where a loop takes 400, and no view is made. */
export const memcpy = libc.func('memcpy', 'void', [PTR, PTR, 'size_t']) as (
  to: number,
  from: number,
  len: number,
) => void;
export const memfdCreate = libc.func('memfd_create', 'int', ['str', 'uint']) as Call<
  [name: string, flags: number]
>;
export const ftruncate = libc.func('ftruncate', 'int', ['int', 'int64_t']) as Call<[fd: number, len: number]>;
export const mmap = libc.func('mmap', 'int64_t', [PTR, 'size_t', 'int', 'int', 'int', 'int64_t']) as Call<
  [address: number, len: number, protection: number, flags: number, fd: number, offset: number]
>;
export const munmap = libc.func('munmap', 'int', [PTR, 'size_t']) as Call<[address: number, len: number]>;
/** Calls that the library has no function for. */
export const syscall = libc.func('syscall', 'int64_t', ['int64_t', 'int64_t', PTR, 'int64_t']) as Call<
  [call: number, first: number, second: number, third: number]
>;
export const mallopt = libc.func('mallopt', 'int', ['int', 'int']) as Call<
  [parameter: number, value: number]
>;
export const eventfd = libc.func('eventfd', 'int', ['uint', 'int']) as Call<[initial: number, flags: number]>;
export const epollCreate = libc.func('epoll_create1', 'int', ['int']) as Call<[flags: number]>;
export const epollControl = libc.func('epoll_ctl', 'int', ['int', 'int', 'int', PTR]) as Call<
  [epollFd: number, operation: number, fd: number, event: number]
>;
export const epollWait = libc.func('epoll_wait', 'int', ['int', PTR, 'int', 'int']) as Call<
  [epollFd: number, events: number, count: number, timeoutMs: number]
>;
export const getrlimit = libc.func('getrlimit', 'int', ['int', PTR]) as Call<
  [resource: number, limit: number]
>;

/** `errno` of the calling thread's last failed call. */
export function errno(): number {
  return koffi.errno();
}

export const Errno = {
  EPERM: 1,
  ENOENT: 2,
  EINTR: 4,
  EIO: 5,
  ENXIO: 6,
  EAGAIN: 11,
  ENOMEM: 12,
  EACCES: 13,
  EBUSY: 16,
  EINVAL: 22,
  ENFILE: 23,
  EMFILE: 24,
  EBADFD: 77,
  EMSGSIZE: 90,
  ENETDOWN: 100,
  ENOBUFS: 105,
  ENOTCONN: 107,
  ENETUNREACH: 101,
  EHOSTUNREACH: 113,
  ECONNREFUSED: 111,
  EADDRINUSE: 98,
  EADDRNOTAVAIL: 99,
} as const;

/**
 * Machine address of a buffer's first byte.
 *
 * Buffers, SharedArrayBuffers and WebAssembly memories do not move while they are referenced,
 * so the caller keeps the buffer alive for as long as it uses the address.
 */
export function addressOf(bytes: Uint8Array): number {
  return Number(koffi.address(bytes));
}

/** A system call failed: `attempt` says what was tried, errno what came. */
export class SystemCallError extends Error {
  readonly code: string;
  readonly errno: number;

  constructor(attempt: string, number: number = errno()) {
    const [code, text] = getSystemErrorMap().get(-number) ?? [`errno ${number}`, 'unknown error'];
    super(`Cannot ${attempt}: ${text} (${code})`);
    this.name = 'SystemCallError';
    this.code = code;
    this.errno = number;
  }
}
