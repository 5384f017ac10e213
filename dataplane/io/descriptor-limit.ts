/** How many descriptors the process may have. @see getrlimit(2) */
import { addressOf, getrlimit, SystemCallError } from './libc.ts';

const RLIMIT_NOFILE = 7;
/** No kernel gives out more. @see proc_sys_fs(5), nr_open */
const MAX_DESCRIPTORS = 2 ** 30;

/** @returns The soft limit. @throws {SystemCallError} */
export function descriptorLimit(): number {
  // struct rlimit: soft and hard limit, 64 bits each; infinity is all ones.
  const limits = Buffer.alloc(128);
  if (getrlimit(RLIMIT_NOFILE, addressOf(limits)) < 0) {
    throw new SystemCallError('read the limit of open files');
  }
  return limits.readUInt32LE(4) !== 0 ? MAX_DESCRIPTORS : Math.min(limits.readUInt32LE(), MAX_DESCRIPTORS);
}
