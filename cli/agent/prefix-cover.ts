/** Finds the prefixes of a set that contain another one. */
import { formatPrefix, type Prefix, parsePrefix, shortened } from '../../dataplane/route/prefix.ts';

export class PrefixCover<T> {
  readonly #byText = new Map<string, T>();
  /** Of the prefixes in the set, longest first. */
  readonly #lengths: Readonly<Record<4 | 6, readonly number[]>>;

  /** @param entries CIDR text without host bits, with what it stands for. */
  constructor(entries: Iterable<readonly [string, T]>) {
    const lengths = { 4: new Set<number>(), 6: new Set<number>() };
    for (const [text, value] of entries) {
      const prefix = parsePrefix(text);
      this.#byText.set(formatPrefix(prefix), value);
      lengths[prefix.family].add(prefix.length);
    }
    const sorted = (family: 4 | 6) => [...lengths[family]].sort((a, b) => b - a);
    this.#lengths = { 4: sorted(4), 6: sorted(6) };
  }

  /** Length and value of each that contains `prefix` or is the same, longest first: a look-up a length. */
  *covering(prefix: Prefix): Generator<readonly [length: number, value: T]> {
    for (const length of this.#lengths[prefix.family]) {
      if (length > prefix.length) continue;
      const value = this.#byText.get(formatPrefix(shortened(prefix, length)));
      if (value !== undefined) yield [length, value];
    }
  }
}
