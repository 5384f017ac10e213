/** Mixes a word for hash tables that are keyed by a secret. */

/** A bijection in which every bit of the input changes half of the output's. @see MurmurHash3, fmix32 */
export function mix(word: number): number {
  let mixed = Math.imul(word ^ (word >>> 16), 0x85eb_ca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2_ae35);
  return mixed ^ (mixed >>> 16);
}
