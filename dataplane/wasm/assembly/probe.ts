/** The checksum by itself, for benches and tests. */
import { checksum, sum } from './checksum.ts';

/** @returns The checksum field over `len` bytes, by value. */
export function checksumOf(at: usize, len: usize): u32 {
  return bswap<u16>(checksum(sum(at, len)) as u16);
}
