/** Options of sockets that are 32-bit integers. @see getsockopt(2), socket(7) */
import { addressOf, getsockopt, setsockopt } from './libc.ts';

export const SOL_SOCKET = 1;
const SO_SNDBUF = 7;
const SO_RCVBUF = 8;
const SO_SNDBUFFORCE = 32;
const SO_RCVBUFFORCE = 33;

/** @returns Whether the kernel took it; if not, `errno` says why. */
export function setOption(fd: number, level: number, option: number, value: number): boolean {
  const bytes = Buffer.alloc(128);
  bytes.writeInt32LE(value);
  return setsockopt(fd, level, option, addressOf(bytes), 4) === 0;
}

/** @returns The value, null where there is none; `errno` says why. */
export function getOption(fd: number, level: number, option: number): number | null {
  const bytes = Buffer.alloc(128);
  const len = Buffer.alloc(128);
  len.writeInt32LE(4);
  return getsockopt(fd, level, option, addressOf(bytes), addressOf(len)) === 0 ? bytes.readInt32LE() : null;
}

/** Sets the buffers' sizes in bytes: beyond net.core.[rw]mem_max only with CAP_NET_ADMIN. */
export function setBuffers(fd: number, receiveLen: number, sendLen: number): void {
  setBuffer(fd, SO_RCVBUFFORCE, SO_RCVBUF, receiveLen);
  setBuffer(fd, SO_SNDBUFFORCE, SO_SNDBUF, sendLen);
}

function setBuffer(fd: number, force: number, plain: number, len: number): void {
  if (!setOption(fd, SOL_SOCKET, force, len)) setOption(fd, SOL_SOCKET, plain, len);
}
