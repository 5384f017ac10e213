/** Reads, writes, compares and copies by address; numbers on the wire are big endian. */

export function get16(at: usize): u32 {
  return bswap<u16>(load<u16>(at));
}

export function get32(at: usize): u32 {
  return bswap<u32>(load<u32>(at));
}

export function set16(at: usize, value: u32): void {
  store<u16>(at, bswap<u16>(value as u16));
}

export function set32(at: usize, value: u32): void {
  store<u32>(at, bswap<u32>(value));
}

/** Copies a header: `len` is a multiple of 4, at least 16. The two do not overlap. */
export function copyHeader(toAt: usize, fromAt: usize, len: usize): void {
  const last = v128.load(fromAt + len - 16);
  for (let i: usize = 0; i + 16 <= len; i += 16) v128.store(toAt + i, v128.load(fromAt + i));
  v128.store(toAt + len - 16, last);
}

/** Whether `len` bytes, a multiple of 4, are the same. */
export function isEqual(aAt: usize, bAt: usize, len: usize): bool {
  for (let i: usize = 0; i < len; i += 4) {
    if (load<u32>(aAt + i) !== load<u32>(bAt + i)) return false;
  }
  return true;
}
