/** Medians and percentiles of a few measurements. */

/**
 * The value that half of the others do not exceed; between the two middle ones when they are even.
 *
 * @returns NaN for no values.
 */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/**
 * The least value that `share` of all do not exceed (nearest rank).
 *
 * @param share 0 to 1.
 * @returns NaN for no values.
 */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const rank = Math.max(1, Math.ceil(share * sorted.length));
  return sorted[rank - 1] ?? Number.NaN;
}

export interface Summary {
  readonly value: number;
  readonly least: number;
  readonly most: number;
}

/** Median and spread; all NaN for no values. */
export function summarize(values: readonly number[]): Summary {
  return { value: median(values), least: percentile(values, 0), most: percentile(values, 1) };
}

/** How many times `base` a value is; null where that says nothing. */
export function ratio(value: number | null, base: number | null): number | null {
  if (value === null || base === null) return null;
  const times = value / base;
  return Number.isFinite(times) ? times : null;
}
