/** Keeps the memory of an agent small, for as long as it runs. */
import { setFlagsFromString } from 'node:v8';
import { mallopt } from '../../dataplane/io/libc.ts';

/** @see mallopt(3) */
const M_ARENA_MAX = -8;
const ARENAS = 2;

/**
 * Sets limits that count for what is loaded and started from then on, in every thread.
 *
 * - Where RUST_BACKTRACE is set, the QUIC library resolves a backtrace for each error, one of them
 *   at every start: 36 MB of debug information, which it keeps. Who wants those sets
 *   RUST_LIB_BACKTRACE himself.
 * - V8 lets the young generation grow to 16 MB while modules are loaded, and gives them back only
 *   in a pause that a busy process does not have: 9 MB. The data plane leaves hardly any garbage.
 * - The C library makes an arena for each of the 16 threads, and keeps what each had at most: 7 MB.
 */
export function limitFootprint(): void {
  process.env.RUST_LIB_BACKTRACE ??= '0';
  setFlagsFromString('--semi-space-growth-factor=1');
  mallopt(M_ARENA_MAX, ARENAS);
}
