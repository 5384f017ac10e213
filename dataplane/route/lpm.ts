/** Longest-prefix match for the addresses of one family. */

import { addressBits, type Prefix } from './prefix.ts';
import { PrefixTable } from './prefix-table.ts';

/** Shared, because route tables hold very many matchers with a default route only. */
const NO_TABLES: readonly PrefixTable<never>[] = [];

/**
 * One hash table per prefix length in use, asked from the longest to the shortest.
 *
 * Cost depends on how many different lengths there are (a handful in a real network), not on
 * how many prefixes; adding and removing touch one table and rebuild nothing. Values are never
 * undefined. Not shared between threads.
 */
export class Lpm<T> {
  readonly family: 4 | 6;
  /** Longest first; none is empty. */
  private tables: readonly PrefixTable<T>[] = NO_TABLES;
  /** Value of the prefix of length 0, which covers every address. */
  private fallback: T | undefined = undefined;

  constructor(family: 4 | 6) {
    this.family = family;
  }

  /** Adds a prefix or replaces its value. @throws {TypeError} The prefix is of the other family. */
  insert(prefix: Prefix, value: T): void {
    this.requireFamily(prefix);
    if (prefix.length === 0) this.fallback = value;
    else {
      const { words } = prefix;
      this.tableFor(prefix.length).set(words[0], words[1], words[2], words[3], value);
    }
  }

  /** Removes exactly this prefix. @returns Whether it was there. @throws {TypeError} as insert(). */
  remove(prefix: Prefix): boolean {
    if (this.get(prefix) === undefined) return false;
    if (prefix.length === 0) {
      this.fallback = undefined;
      return true;
    }
    const table = this.tableFor(prefix.length);
    table.delete(...prefix.words);
    if (table.size === 0) this.tables = this.tables.filter((other) => other !== table);
    return true;
  }

  /** Value of exactly this prefix. @throws {TypeError} as insert(). */
  get(prefix: Prefix): T | undefined {
    this.requireFamily(prefix);
    if (prefix.length === 0) return this.fallback;
    const { words, length } = prefix;
    for (const table of this.tables) {
      if (table.length === length) return table.find(words[0], words[1], words[2], words[3]);
    }
    return undefined;
  }

  /** All values, in no order; finish before changing anything. */
  *values(): Generator<T> {
    if (this.fallback !== undefined) yield this.fallback;
    for (const table of this.tables) yield* table.all();
  }

  /**
   * Value of the longest prefix that covers the address at `at`. Allocates nothing.
   *
   * @param maxLength Prefixes longer than this are passed over: one less than the length of the
   *                  last match continues from there.
   */
  lookup(view: DataView, at: number, maxLength: number): T | undefined {
    const w0 = view.getInt32(at);
    const isV6 = this.family === 6;
    const w1 = isV6 ? view.getInt32(at + 4) : 0;
    const w2 = isV6 ? view.getInt32(at + 8) : 0;
    const w3 = isV6 ? view.getInt32(at + 12) : 0;
    for (const table of this.tables) {
      if (table.length > maxLength) continue;
      const value = table.find(w0, w1, w2, w3);
      if (value !== undefined) return value;
    }
    return maxLength >= 0 ? this.fallback : undefined;
  }

  /** The table of this length, made when missing. */
  private tableFor(length: number): PrefixTable<T> {
    const existing = this.tables.find((table) => table.length === length);
    if (existing !== undefined) return existing;
    const table = new PrefixTable<T>(length);
    this.tables = [...this.tables, table].sort((a, b) => b.length - a.length);
    return table;
  }

  private requireFamily(prefix: Prefix): void {
    if (prefix.family === this.family && prefix.length <= addressBits(this.family)) return;
    throw new TypeError(`Cannot use an IPv${prefix.family} prefix: this table is for IPv${this.family}`);
  }
}
