/** Arrays of a known length, so that each element is there for the compiler too. */

/** @throws {TypeError} for more or fewer. */
export function two<T>(items: readonly T[]): readonly [T, T] {
  const [first, second] = items;
  if (items.length !== 2 || first === undefined || second === undefined) throw new TypeError('two expected');
  return [first, second];
}

/** @throws {TypeError} for more or fewer. */
export function three<T>(items: readonly T[]): readonly [T, T, T] {
  const [third] = items.slice(2);
  if (items.length !== 3 || third === undefined) throw new TypeError('three expected');
  return [...two(items.slice(0, 2)), third];
}
