/** Gives each SA to the queue that owns it; key bytes move along instead of being copied. */
import type { SaSpec } from '../contract.ts';

/** What one queue gets. */
export interface SaShare {
  readonly queue: number;
  readonly own: readonly SaSpec[];
  /** Memory of the keys, to be moved to the queue's thread. */
  readonly keys: readonly ArrayBuffer[];
}

/** Splits SAs by queue; the keys that they had are overwritten. */
export function sharesOf(
  sas: readonly SaSpec[],
  queues: number,
  owner: (sa: SaSpec) => number,
): readonly SaShare[] {
  const moved = sas.map((sa) => ({ ...sa, key: takeKey(sa.key) }));
  return Array.from({ length: queues }, (_, queue) => queue).flatMap((queue) => {
    const own = moved.filter((sa) => owner(sa) === queue);
    return own.length === 0 ? [] : [{ queue, own, keys: own.map((sa) => sa.key.buffer) }];
  });
}

/** The key in a buffer of its own, ready to move to another thread; the original is overwritten. */
function takeKey(key: Uint8Array): Uint8Array<ArrayBuffer> {
  const moved = new Uint8Array(key.length);
  moved.set(key);
  key.fill(0);
  return moved;
}
