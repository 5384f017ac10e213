/** Finds the word that somebody probably meant. */

/** What wg-quick(8) calls it, where the names are too different to be near. */
const OTHER_NAMES: Readonly<Record<string, string>> = {
  persistentkeepalive: 'keepalive',
  table: 'routes',
};

/**
 * @returns the candidate nearest to `word`, or null where none is near enough: at most a
 *   third of the letters may differ (but always one), with `-` and `_` taken as the same.
 */
export function suggest(word: string, candidates: Iterable<string>): string | null {
  const wanted = normalise(word);
  const other = Object.hasOwn(OTHER_NAMES, wanted) ? OTHER_NAMES[wanted] : undefined;
  for (const candidate of other === undefined ? [] : candidates) if (candidate === other) return other;
  const limit = Math.max(1, Math.floor(wanted.length / 3));
  let best: string | null = null;
  let bestDistance = limit + 1;
  for (const candidate of candidates) {
    const distance = editDistance(wanted, normalise(candidate));
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

function normalise(word: string): string {
  return word.slice(0, 64).toLowerCase().replaceAll('-', '_');
}

/** Levenshtein distance where swapping two neighbours counts as one edit (Damerau 1964). */
function editDistance(a: string, b: string): number {
  let older: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let cost = Math.min(at(previous, j) + 1, at(current, j - 1) + 1, at(previous, j - 1) + same);
      if (a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) cost = Math.min(cost, at(older, j - 2) + 1);
      current.push(cost);
    }
    older = previous;
    previous = current;
  }
  return at(previous, b.length);
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Number.POSITIVE_INFINITY;
}
